import { reasonOf } from '../../core/error-report.js'
import type { Logger } from '../../core/log.js'
import { originText } from '../../core/position.js'
import type { Failure, Quarantine, QuarantineEntry } from '../../core/quarantine.js'
import type { Sink } from '../../core/sink.js'
import { replay, replayInto } from '../../replay/replay.js'
import type { PipelineRun } from '../../runtime/run.js'
import type { Place } from './selection.js'

/** An entry that is replayed. `raw`: the bytes in place of its own. */
export interface Replayed {
  readonly id: string
  readonly origin: QuarantineEntry['origin']
  readonly raw?: Uint8Array
}

/** What became of entries. */
export interface ReplayOutcome {
  readonly pipeline: string
  readonly entries: number
  readonly delivered: number
  readonly skipped: number
  /** Entries that a replay which was stopped did not come to, or not to the end of: they are where they were. */
  readonly left: number
  /** Records that failed again: in quarantine under new ids. Of a dry run without ids: they are where they were. */
  readonly cameBack: readonly {
    readonly id?: string
    readonly origin: string
    readonly stage: string
    readonly code: string
    readonly message: string
  }[]
}

/** How a replay is watched. */
export interface ReplayWatch {
  readonly log: Logger
  /** Called with the run as soon as it has begun. */
  readonly onRun: (run: PipelineRun) => void
}

/** Sends these entries through the real pipeline. What is quarantined meanwhile is not among them, so it ends. */
export async function replayEntries(place: Place, wanted: readonly Replayed[], { log, onRun }: ReplayWatch): Promise<ReplayOutcome> {
  const { pipeline, quarantine } = place
  const run = replay(pipeline, { from: only(quarantine, wanted), log })
  onRun(run)
  const { delivered, skipped } = await run.finished
  const origins = new Set(wanted.map(({ origin }) => originText(origin)))
  const before = new Set(wanted.map(({ id }) => id))
  const cameBack: ReplayOutcome['cameBack'][number][] = []
  let left = 0
  for await (const entry of quarantine.list({ pipeline: pipeline.name })) {
    if (before.has(entry.id)) left++
    else if (origins.has(originText(entry.origin))) cameBack.push({ id: entry.id, ...failureText(entry) })
  }
  return { pipeline: pipeline.name, entries: wanted.length, delivered, skipped, left, cameBack }
}

/**
 * Sends the entries through the steps, and what comes out nowhere: no row is written, and each entry stays. What handlers do elsewhere, they do.
 */
export async function tryEntries(
  { pipeline, quarantine }: Place,
  wanted: readonly Replayed[],
  { log, onRun }: ReplayWatch,
): Promise<ReplayOutcome> {
  const failed: Failure[] = []
  const nowhere: Quarantine = {
    ...only(quarantine, wanted),
    open: async () => ({
      async put(failures) {
        failed.push(...failures)
      },
    }),
    release: async () => {},
  }
  const run = replayInto(pipeline, { from: nowhere, log }, { sink, onFailure: nowhere })
  onRun(run)
  const { delivered, skipped } = await run.finished
  return { pipeline: pipeline.name, entries: wanted.length, delivered, skipped, left: 0, cameBack: failed.map(failureText) }
}

const sink: Sink<unknown> = { name: 'nowhere', open: async () => ({ async write() {} }) }

const failureText = ({ origin, stage, error }: Failure) => ({
  origin: originText(origin),
  stage,
  code: reasonOf(error),
  message: error instanceof Error ? error.message : ((error as { message?: string } | null)?.message ?? String(error)),
})

/** A quarantine of which only these entries are seen. */
function only(quarantine: Quarantine, wanted: readonly Replayed[]): Quarantine {
  const known = new Map(wanted.map(each => [each.id, each]))
  return {
    name: quarantine.name,
    open: context => quarantine.open(context),
    release: ids => quarantine.release(ids),
    async *list(filter) {
      for await (const entry of quarantine.list(filter)) {
        const found = known.get(entry.id)
        if (found !== undefined) yield found.raw === undefined ? entry : edited(entry, found.raw)
      }
    },
  }
}

/** Whole again, whatever was kept of it. */
function edited({ rawSha256: _, isTombstone: __, ...entry }: QuarantineEntry, raw: Uint8Array): QuarantineEntry {
  return { ...entry, raw, rawBytes: raw.byteLength }
}
