import { type Logger, silentLog } from '../../core/log.js'
import { counted } from '../bar.js'
import { exitStatus } from '../exit-status.js'
import type { Frame } from '../frame.js'
import { UsageError } from '../usage-error.js'
import { editEntry } from './edit-entry.js'
import { clipped, onOneLine } from './printable.js'
import { type Replayed, type ReplayOutcome, replayEntries, tryEntries } from './replay-entries.js'
import { showReplay } from './replay-progress.js'
import { selectEntries } from './select-entries.js'
import { entriesAt, type Place, type SelectionOptions } from './selection.js'

/** How `replay` was asked for. */
export interface ReplayFlags extends SelectionOptions {
  readonly dryRun?: true
  readonly steps?: true
  readonly edit?: true
  readonly json?: true
}

/** Entries that came back are named one by one up to here. */
const MAX_NAMED = 20

/** `quarantine replay`. */
export async function replaySelected(frame: Frame, ids: readonly string[], options: ReplayFlags): Promise<void> {
  const { dryRun, steps, edit, json } = options
  if (steps && !dryRun) throw new UsageError('--steps goes with --dry-run')
  if (edit && ids.length !== 1) throw new UsageError('--edit takes the id of one entry')
  const selected = await selectEntries(frame, ids, options)
  const total = selected.reduce((sum, { chosen }) => sum + chosen.length, 0)
  const outcomes: ReplayOutcome[] = []
  let signal: NodeJS.Signals | null = null
  for (const { place, chosen } of selected) {
    const wanted = edit ? await changed(frame, place, chosen[0]!) : chosen
    if (wanted === null) {
      frame.say('the text was not changed: nothing was replayed')
      return
    }
    if (dryRun && !steps)
      outcomes.push({ pipeline: place.pipeline.name, entries: wanted.length, delivered: 0, skipped: 0, left: 0, cameBack: [] })
    else {
      const stopped = await runOne(frame, place, wanted, steps ? tryEntries : replayEntries)
      outcomes.push(stopped.outcome)
      signal = stopped.signal
    }
    if (signal !== null) break
  }
  if (json) frame.print(frame.hide(`${JSON.stringify({ dryRun: dryRun === true, replays: outcomes })}\n`))
  else if (total === 0) frame.say('nothing is in quarantine that fits')
  else
    frame.print(
      frame.hide(
        outcomes
          .flatMap(outcome => outcomeLines(outcome, dryRun === true, steps === true))
          .map(line => `${line}\n`)
          .join(''),
      ),
    )
}

async function runOne(
  frame: Frame,
  place: Place,
  wanted: readonly Replayed[],
  how: typeof replayEntries,
): Promise<{ readonly outcome: ReplayOutcome; readonly signal: NodeJS.Signals | null }> {
  let first: NodeJS.Signals | null = null
  let end = (): void => {}
  try {
    const outcome = await how(place, wanted, {
      log: warnings(frame, place.pipeline.name),
      onRun: run => {
        const hide = showReplay(frame, place.pipeline.name, run, wanted.length)
        const off = frame.onSignal(signal => {
          if (first === null) void run.stop().catch(() => {})
          else {
            frame.exit(signal === 'SIGINT' ? exitStatus.interrupted : exitStatus.terminated)
            void run.abort(new Error(`a second ${signal}`))
          }
          first ??= signal
        })
        end = () => {
          hide()
          off()
        }
      },
    })
    return { outcome, signal: first }
  } finally {
    end()
  }
}

/** Only what somebody should know: waiting, each reason once, and what went wrong on the way. */
function warnings(frame: Frame, name: string): Logger {
  let last = ''
  const warn = (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
    const said = [`${name}: ${message}`, ...Object.values(fields)].join(': ')
    if (said !== last) frame.say(said)
    last = said
  }
  return { ...silentLog, warn }
}

async function changed(frame: Frame, place: Place, chosen: Replayed): Promise<readonly Replayed[] | null> {
  const selection = { filter: {}, text: undefined, limit: Number.POSITIVE_INFINITY, ids: [chosen.id] }
  for await (const entry of entriesAt(place, selection)) {
    if (entry.id !== chosen.id) continue
    if (entry.rawBytes > entry.raw.byteLength)
      frame.say(
        `only the first ${counted(entry.raw.byteLength)} of ${counted(entry.rawBytes)} bytes were kept: what you leave is taken for the whole record`,
      )
    const raw = await editEntry(frame, entry)
    return raw === null ? null : [{ ...chosen, raw }]
  }
  throw new UsageError(`entry ${chosen.id} is gone`)
}

function outcomeLines({ pipeline, entries, delivered, skipped, left, cameBack }: ReplayOutcome, dry: boolean, steps: boolean): string[] {
  const count = entries === 1 ? 'one entry' : `${counted(entries)} entries`
  if (dry && !steps) return [`${onOneLine(pipeline)}: ${count} would be replayed (--steps tries the steps on them, and writes nothing)`]
  const settled = `${counted(delivered)} ${dry ? 'would be delivered' : 'delivered'}, ${counted(skipped)} skipped`
  const again = dry ? `${counted(cameBack.length)} would fail again` : `${counted(cameBack.length)} came back`
  const rest = left > 0 ? `, ${counted(left)} not reached: they are still there` : ''
  const lines = [`${onOneLine(pipeline)}: ${count} ${dry ? 'tried' : 'replayed'}: ${settled}, ${again}${rest}`]
  for (const { id, origin, stage, code, message } of cameBack.slice(0, MAX_NAMED))
    lines.push(
      `  ${id === undefined ? '' : `${id}  `}${clipped(origin, 60)}  ${onOneLine(stage)}  ${onOneLine(code)}  ${clipped(message, 100)}`,
    )
  if (cameBack.length > MAX_NAMED) lines.push(`  and ${counted(cameBack.length - MAX_NAMED)} more: millrace quarantine list`)
  return lines
}
