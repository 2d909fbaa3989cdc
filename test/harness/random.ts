/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A seed for this run: MILLRACE_SEED where it is set, to see a failure again. */
export function chosenSeed(): number {
  return Number(process.env['MILLRACE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
}
