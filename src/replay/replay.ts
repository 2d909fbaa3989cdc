import type { Clock } from '../core/clock.js'
import type { Logger } from '../core/log.js'
import { option, resolveOptions } from '../core/options.js'
import type { Quarantine, QuarantineFilter } from '../core/quarantine.js'
import type { Codec, Incoming, Settlement, Source, SourceOf } from '../core/source.js'
import type { Pipeline, Sources } from '../runtime/pipeline.js'
import type { RunPlan } from '../runtime/plan.js'
import type { PipelineRun } from '../runtime/run.js'
import { planOf, startPipeline } from '../runtime/start.js'
import { quarantinedSource } from '../sources/quarantined.js'

/** What is replayed, and how the run is started. */
export interface ReplayOptions {
  readonly from: Quarantine
  /** Default: all entries of this pipeline. Name another `pipeline` to replay its entries through this one. */
  readonly where?: QuarantineFilter
  /** Aborting it stops the replay as `stop()` does; what was not settled stays in quarantine. */
  readonly signal?: AbortSignal
  readonly log?: Logger
  readonly clock?: Clock
}

/**
 * Sends quarantined records through the real pipeline again: its steps, its sink, its failure policy; only its sources are replaced.
 *
 * An entry leaves quarantine when its record is settled, and stays when it fails again. What is quarantined after the replay has begun is not
 * replayed, so a record that fails again does not loop. Records keep their first origin; ledger and commit go by the entry's id, under the source
 * `quarantine`, so a replay that is killed and repeated delivers nothing twice where the sink keeps a ledger. Of a record that was split, only
 * the parts in quarantine come again. With named sources each entry goes back into the stream that it came from.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID` for wrong options, or a pipeline that `definePipeline` did not make.
 */
export function replay<S extends Sources>(pipeline: Pipeline<S>, options: ReplayOptions): PipelineRun {
  return replayInto(pipeline, options, {})
}

/**
 * A replay with another sink or failure policy in the place of the pipeline's own: to try what would become of the entries.
 * @internal
 */
export function replayInto<S extends Sources>(
  pipeline: Pipeline<S>,
  options: ReplayOptions,
  parts: Partial<Pick<RunPlan, 'sink' | 'onFailure'>>,
): PipelineRun {
  const { from, where, ...start } = resolveOptions<ReplayOptions>(`replay of ${pipeline.name}`, options, {
    from: option.object('a quarantine'),
    where: option.object('a filter', { optional: true }),
    signal: option.object('an AbortSignal', { optional: true }),
    log: option.object('a logger', { optional: true }),
    clock: option.object('a clock', { optional: true }),
  })
  const plan = planOf(pipeline)
  const filter = { pipeline: plan.name, ...where }
  const sources = Object.entries(plan.sources).map(([name, { codec }]) => {
    const replayed = quarantinedSource(plan.isNamed ? ofSource(from, name) : from, filter)
    return [name, codec === undefined ? replayed : decoded(replayed, codec)] as const
  })
  return startPipeline(pipeline, start, { sources: Object.fromEntries(sources), isReplay: true, ...parts })
}

/** A quarantine as one of several named sources sees it: only what came from there. */
function ofSource(quarantine: Quarantine, name: string): Quarantine {
  return {
    ...quarantine,
    open: context => quarantine.open(context),
    release: ids => quarantine.release(ids),
    async *list(filter) {
      for await (const entry of quarantine.list(filter)) if (entry.origin.source === name) yield entry
    },
  }
}

/** Values that are not bytes were kept by the codec of their source, and come back by it. */
function decoded<T>(source: Source, codec: Codec<T>): Source<T> {
  const single = source as SourceOf<Uint8Array, 'single', Settlement>
  const decode = (incoming: Incoming<Uint8Array>): Incoming<T> => {
    const bytes = incoming.bytes ?? incoming.value.byteLength
    try {
      return { ...incoming, bytes, value: codec.decode(incoming.value) }
    } catch (error) {
      return { ...incoming, bytes, value: incoming.value as T, fault: error instanceof Error ? error : new Error(String(error)) }
    }
  }
  return {
    name: single.name,
    commits: 'single',
    codec,
    open: async context => {
      const session = await single.open(context)
      return { ...session, read: async (limit, signal) => (await session.read(limit, signal))?.map(decode) ?? null }
    },
  }
}
