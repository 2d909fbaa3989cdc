import type { PipelineRun } from '../../runtime/run.js'
import { bar, counted } from '../bar.js'
import type { Frame } from '../frame.js'

const ON_TERMINAL_MS = 100
const ON_LINES_MS = 2_000

/** Shows how far a replay is, on stderr: a bar on a terminal, else a line now and then. @returns Ends it. */
export function showReplay({ stderr }: Frame, name: string, run: PipelineRun, total: number): () => void {
  const isTerminal = stderr.isTTY === true
  let last = ''
  const draw = (): void => {
    const { delivered, skipped, quarantined, state } = run.snapshot()
    const settled = delivered + skipped + quarantined
    const done = isTerminal ? `${bar(total === 0 ? 1 : settled / total)}  ` : ''
    const line = `${name}: ${done}${counted(settled)} of ${counted(total)} entries, ${counted(quarantined)} failed again${state === 'running' ? '' : ` (${state})`}`
    if (isTerminal) stderr.write(`\r\u001b[2K${line.slice(0, (stderr.columns || 100) - 1)}`)
    else if (line !== last && settled > 0) stderr.write(`${line}\n`)
    last = line
  }
  const timer = setInterval(draw, isTerminal ? ON_TERMINAL_MS : ON_LINES_MS)
  return () => {
    clearInterval(timer)
    if (isTerminal) stderr.write('\r\u001b[2K')
  }
}
