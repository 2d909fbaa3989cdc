import type { PipelineRun, RunSnapshot } from '../runtime/run.js'
import { bar, counted, spoken } from './bar.js'

const ON_TERMINAL_MS = 100
const ON_LINES_MS = 2_000

/**
 * Shows a run while it goes: on a terminal a bar with rate and time left, redrawn in place; elsewhere a line every two seconds.
 *
 * @param out - Where it is written: stderr, so that stdout stays for results.
 * @returns Ends it and clears the bar.
 */
export function showProgress(name: string, run: PipelineRun, out: NodeJS.WriteStream): () => void {
  const isTerminal = out.isTTY === true
  let begun: number | null = null
  let whole = 0
  let lastLine = ''
  const draw = () => {
    const snapshot = run.snapshot()
    const left = [...snapshot.lag.values()].reduce((sum, lag) => sum + lag, 0)
    whole = Math.max(whole, left)
    // Opening a database takes its time, which tells nothing of the rate.
    if (begun === null && snapshot.state !== 'starting') begun = performance.now()
    const seconds = begun === null ? 0 : (performance.now() - begun) / 1000
    const line = lineOf(name, snapshot, { part: whole === 0 ? null : 1 - left / whole, seconds })
    if (isTerminal) out.write(`\r\u001b[2K${line.slice(0, (out.columns || 100) - 1)}`)
    else if (line !== lastLine) out.write(`${line}\n`)
    lastLine = line
  }
  const timer = setInterval(draw, isTerminal ? ON_TERMINAL_MS : ON_LINES_MS)
  draw()
  return () => {
    clearInterval(timer)
    if (isTerminal) out.write('\r\u001b[2K')
  }
}

function lineOf(
  name: string,
  snapshot: RunSnapshot,
  { part, seconds }: { readonly part: number | null; readonly seconds: number },
): string {
  const { delivered, skipped, quarantined, state } = snapshot
  const settled = delivered + skipped + quarantined
  const rate = seconds > 0 ? settled / seconds : 0
  const shown = [`${name}:`]
  if (state === 'starting') return `${name}: opening the database and the source`
  if (part !== null) shown.push(bar(part), `${Math.floor(part * 100)} %`)
  shown.push(`${counted(delivered)} delivered`, `${counted(rate)}/s`)
  if (part !== null && part > 0.02 && part < 1) shown.push(`${spoken((seconds / part) * (1 - part))} left`)
  if (quarantined > 0) shown.push(`${counted(quarantined)} quarantined`)
  if (state !== 'running') shown.push(`(${state})`)
  return shown.join('  ')
}
