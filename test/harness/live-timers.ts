import { promisify } from 'node:util'

type Timer = NodeJS.Timeout
const live = new Map<Timer, Error>()

/** Timers that would keep the process alive, each with where it was made. Vitest's own are not among them: it took `setTimeout` before we replaced it. */
export function liveTimers(): Map<Timer, () => string> {
  const found = new Map<Timer, () => string>()
  for (const [timer, error] of live) if (timer.hasRef()) found.set(timer, () => place(error))
  return found
}

function place(error: Error): string {
  const frames = (error.stack ?? '').split('\n').slice(2)
  return (
    frames
      .filter(frame => !frame.includes('/node_modules/'))
      .slice(0, 6)
      .join('\n')
      .trim() || (frames[0] ?? '').trim()
  )
}

const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis

globalThis.setTimeout = Object.assign(
  (fn: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
    const timer = setTimeout(
      (...given: unknown[]) => {
        live.delete(timer)
        fn(...given)
      },
      ms,
      ...args,
    )
    live.set(timer, new Error('made'))
    return timer
  },
  { [promisify.custom]: (setTimeout as unknown as Record<symbol, unknown>)[promisify.custom] },
) as unknown as typeof globalThis.setTimeout

globalThis.setInterval = ((fn: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
  const timer = setInterval(fn, ms, ...args)
  live.set(timer, new Error('made'))
  return timer
}) as unknown as typeof globalThis.setInterval

globalThis.clearTimeout = (timer?: Timer | string | number) => {
  live.delete(timer as Timer)
  clearTimeout(timer)
}

globalThis.clearInterval = (timer?: Timer | string | number) => {
  live.delete(timer as Timer)
  clearInterval(timer)
}
