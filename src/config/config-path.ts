/** The keys and indexes that lead to a place in a config. */
export type ConfigPath = readonly (string | number)[]

/** `pipelines.orders.from.brokers[0]`; a key that is no plain word is quoted: `headers["x-api-key"]`. */
export function pathText(path: ConfigPath): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (/^[\w$-]+$/.test(step)) text += text === '' ? step : `.${step}`
    else text += `[${JSON.stringify(step)}]`
  }
  return text
}

/** One path after another: the second may begin with an index. */
export function joined(path: string, next: string): string {
  if (path === '' || next === '') return path + next
  return next.startsWith('[') ? path + next : `${path}.${next}`
}

/** Whether a path is another, or leads into it. */
export function isWithin(path: string, outer: string): boolean {
  return path.startsWith(outer) && /^($|[.[])/.test(path.slice(outer.length))
}

/** A path with the keys that another path has instead. */
export function renamed(path: string, names: ReadonlyMap<string, string>): string {
  // The longest first: it says of the keys around it too what they are called.
  for (const [from, to] of [...names].sort(([a], [b]) => b.length - a.length)) {
    if (isWithin(path, from)) return to + path.slice(from.length)
  }
  return path
}
