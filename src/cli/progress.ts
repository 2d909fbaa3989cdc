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
  let begun: { readonly at: number; readonly settled: number } | null = null
  let whole = 0
  let lastLine = ''
  const draw = () => {
    const snapshot = run.snapshot()
    const left = [...snapshot.lag.values()].reduce((sum, lag) => sum + lag, 0)
    whole = Math.max(whole, left)
    // Opening a database takes its time, which tells nothing of the rate.
    if (begun === null && snapshot.state !== 'starting') begun = { at: performance.now(), settled: settledIn(snapshot) }
    const seconds = begun === null ? 0 : (performance.now() - begun.at) / 1000
    // What was settled before the first look has no time to be divided by.
    const rate = begun === null || seconds === 0 ? 0 : (settledIn(snapshot) - begun.settled) / seconds
    const line = lineOf(name, snapshot, { part: whole === 0 ? null : 1 - left / whole, seconds, rate })
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

const settledIn = ({ delivered, skipped, quarantined }: RunSnapshot): number => delivered + skipped + quarantined

function lineOf(
  name: string,
  snapshot: RunSnapshot,
  { part, seconds, rate }: { readonly part: number | null; readonly seconds: number; readonly rate: number },
): string {
  const { delivered, quarantined, state } = snapshot
  const shown = [`${name}:`]
  if (state === 'starting') return `${name}: opening the database and the source (a new embedded database takes some seconds)`
  if (part !== null) shown.push(bar(part), `${Math.floor(part * 100)} %`)
  shown.push(`${counted(delivered)} delivered`)
  if (seconds > 0) shown.push(`${counted(rate)}/s`)
  if (part !== null && part > 0.02 && part < 1) shown.push(`${spoken((seconds / part) * (1 - part))} left`)
  if (quarantined > 0) shown.push(`${counted(quarantined)} quarantined`)
  if (state !== 'running') shown.push(`(${state})`)
  return shown.join('  ')
}
