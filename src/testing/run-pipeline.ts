import type { Clock } from '../core/clock.js'
import { reasonOf } from '../core/error-report.js'
import type { HeaderPair } from '../core/headers.js'
import type { Logger } from '../core/log.js'
import { option, resolveOptions } from '../core/options.js'
import type { Failure, Quarantine } from '../core/quarantine.js'
import type { Source } from '../core/source.js'
import type { Pipeline, Sources } from '../runtime/pipeline.js'
import type { RunPlan } from '../runtime/plan.js'
import { planOf, startPipeline } from '../runtime/start.js'
import type { RunSummary } from '../runtime/tally.js'
import { memorySink } from '../sinks/memory.js'
import { isOverText, memorySource } from '../sources/memory.js'

/** Records for a source, in its type; bytes may be given as text. */
export type RecordsOf<S> = S extends Source<infer T> ? readonly (T | (Uint8Array extends T ? string : never))[] : never

/** What {@link runPipeline} feeds: records for the one source, or for each of the named ones. */
export type Feed<S> = S extends Source<unknown> ? RecordsOf<S> : { readonly [K in keyof S]: RecordsOf<S[K]> }

/** Options of {@link runPipeline}. All functions get the record as it is given, and its index. */
export interface RunPipelineOptions {
  /** Default: no keys. */
  readonly key?: (record: unknown, index: number) => Uint8Array | string | null
  /** Default: none. */
  readonly headers?: (record: unknown, index: number) => readonly HeaderPair[]
  /** Default: one partition. */
  readonly partition?: (record: unknown, index: number) => string
  /** Default: the machine's time. A virtualClock must be driven: `clock.until(runPipeline(pipeline, records, { clock }))`. */
  readonly clock?: Clock
  /** Default: silent. */
  readonly log?: Logger
}

/** What came of the records. */
export interface PipelineOutcome {
  /** What the sink would have got, in the order in which it left the steps. */
  readonly delivered: readonly unknown[]
  /** One for each record or part that was let go without a row. */
  readonly skipped: readonly { readonly reason: string }[]
  /** What would have gone to quarantine; `error` is the very error that was thrown. */
  readonly quarantined: readonly Failure[]
  readonly summary: RunSummary
}

/**
 * Runs a pipeline's steps on a few records: its sources, sink and quarantine are replaced by memory, the engine is the real one.
 *
 * ```ts
 * const { delivered, skipped, quarantined } = await runPipeline(signups, ['{"id":1,"email":"a@b.c"}', 'no json'])
 * ```
 *
 * The sink's own check of a row against its columns is not made: nothing is opened. Whether it keeps a ledger and overwrites is kept, because the
 * steps may depend on it. Text becomes bytes, unless the source is a memorySource over text.
 *
 * @throws {MillraceError} What ends the run: `MILL_RECORD_FAILED` where `onFailure` is `'halt'`, `MILL_RECORDS_FORGOTTEN`, …
 */
export async function runPipeline<S extends Sources>(
  pipeline: Pipeline<S>,
  records: Feed<S>,
  options: RunPipelineOptions = {},
): Promise<PipelineOutcome> {
  const { clock, log, ...given } = resolveOptions<RunPipelineOptions>('runPipeline', options, {
    key: option.function({ optional: true }),
    headers: option.function({ optional: true }),
    partition: option.function({ optional: true }),
    clock: option.object('a Clock', { optional: true }),
    log: option.object('a logger', { optional: true }),
  })
  const plan = planOf(pipeline)
  const sink = memorySink(sinkLike(plan.sink))
  const quarantine = capturing()
  const run = startPipeline(
    pipeline,
    { ...(clock && { clock }), ...(log && { log }) },
    {
      sources: sourcesOf(plan, records as Feed<Sources>, given),
      sink,
      onFailure: plan.onFailure === 'halt' ? 'halt' : quarantine,
    },
  )
  const summary = await run.finished
  return { delivered: [...sink.rows], skipped: skippedOf(summary, quarantine.failures), quarantined: quarantine.failures, summary }
}

function sinkLike({ name, batch, ledger, overwrites }: RunPlan['sink']) {
  return { name, ...(batch && { batch }), ...(ledger && { ledger }), ...(overwrites && { overwrites }) }
}

function sourcesOf(plan: RunPlan, records: Feed<Sources>, options: RunPipelineOptions): Readonly<Record<string, Source<unknown>>> {
  const named = (plan.isNamed ? records : { [Object.keys(plan.sources)[0]!]: records }) as Readonly<Record<string, readonly unknown[]>>
  return Object.fromEntries(
    Object.entries(plan.sources).map(([name, source]) => {
      const given = named[name] ?? []
      const values = isOverText(source) ? given : given.map(record => (typeof record === 'string' ? Buffer.from(record) : record))
      const asGiven =
        <R>(fn: (record: unknown, index: number) => R) =>
        (_: unknown, index: number) =>
          fn(given[index], index)
      const { key, headers, partition } = options
      const inMemory = memorySource(values, {
        name: source.name,
        ...(key && { key: asGiven(key) }),
        ...(headers && { headers: asGiven(headers) }),
        ...(partition && { partition: asGiven(partition) }),
      })
      return [name, source.codec === undefined ? inMemory : { ...inMemory, codec: source.codec }]
    }),
  )
}

/** A quarantine that keeps failures as they come, so that tests see the error itself and not its report. */
function capturing(): Quarantine & { readonly failures: readonly Failure[] } {
  const failures: Failure[] = []
  return {
    name: 'runPipeline',
    failures,
    open: async () => ({
      async put(put) {
        failures.push(...put)
      },
    }),
    async *list() {},
    async release() {},
  }
}

/** The summary counts reasons of the skipped and codes of the failed together; what did not fail was skipped. */
function skippedOf({ reasons }: RunSummary, failures: readonly Failure[]): { readonly reason: string }[] {
  const left = new Map(Object.entries(reasons))
  for (const { error } of failures) {
    const code = reasonOf(error)
    left.set(code, (left.get(code) ?? 0) - 1)
  }
  return [...left].flatMap(([reason, count]) => Array.from({ length: Math.max(0, count) }, () => ({ reason })))
}
