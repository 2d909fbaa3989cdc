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
