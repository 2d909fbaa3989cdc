/** Whether it is an object as JSON has them, and not something made in code: a pipeline, a date, a class's. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return (prototype === null || prototype === Object.prototype) && !isPipelineLike(value)
}

/** Whether it can be started as pipelines are. */
export function isPipelineLike(value: unknown): value is { readonly name: string; start(): unknown } {
  if (typeof value !== 'object' || value === null) return false
  const { name, start } = value as { readonly name?: unknown; readonly start?: unknown }
  return typeof name === 'string' && typeof start === 'function'
}
