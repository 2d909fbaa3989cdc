import type { Frame } from '../frame.js'
import type { Running } from '../run/running.js'
import { LiveView } from './live-view.js'
import { plainLines } from './plain-lines.js'
import { Rows } from './row.js'

/**
 * Shows pipelines while they run: on a terminal as a table that is drawn again in place, elsewhere in lines: on stdout, or on stderr where stdout
 * is for JSON.
 *
 * @returns Ends it and takes the table away.
 */
export function showProgress(frame: Frame, running: Running, { isJson }: { readonly isJson: boolean }): () => void {
  const rows = new Rows(() => performance.now())
  const rowsNow = () => rows.of(running.snapshot())
  const { stderr, env } = frame
  if (stderr.isTTY !== true || env['TERM'] === 'dumb') {
    return plainLines(rowsNow, line => (isJson ? frame.say(line) : frame.print(frame.hide(`${line}\n`))))
  }
  const view = new LiveView(stderr, rowsNow, frame.isColoured(stderr))
  frame.writeThrough(write => view.above(write))
  return () => {
    frame.writeThrough(null)
    view.end()
  }
}
