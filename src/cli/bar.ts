const WIDTH = 24

/** A bar of blocks, `part` from 0 to 1: `█████░░░░░`. */
export function bar(part: number): string {
  const full = Math.round(Math.min(1, Math.max(0, part)) * WIDTH)
  return '█'.repeat(full) + '░'.repeat(WIDTH - full)
}

/** Seconds as people say them: `4 s`, `2 min 10 s`, `3 h 5 min`. */
export function spoken(seconds: number): string {
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

/** A count with thousands apart: `1,234,567`. */
export function counted(count: number): string {
  // Not toLocaleString: its first call loads tables of all languages, which took a twentieth of a short run.
  return `${Math.round(count)}`.replace(/\B(?=(\d{3})+$)/g, ',')
}
