import type { Observable } from 'rxjs'
import type { Envelope } from '../core/envelope.js'
import { MillraceError } from '../core/errors.js'
import type { Fits } from '../core/fit.js'
import type { Flow } from '../core/flow.js'
import { option, resolveOptions, shown } from '../core/options.js'
import type { Quarantine } from '../core/quarantine.js'
import type { Sink } from '../core/sink.js'
import type { Source } from '../core/source.js'
import { type Limits, resolveBatchLimits, resolveLimits } from './limits.js'
import { concurrentWrites, type RunPlan } from './plan.js'
import type { PipelineRun, StartOptions } from './run.js'
import { rememberPlan, startPlan } from './start.js'

// biome-ignore lint/suspicious/noExplicitAny: a source of any value; `unknown` would refuse codecs of a narrower one
type AnySource = Source<any>

/** One source, or several by name: that name is theirs in origins, ledger and metrics. */
export type Sources = AnySource | { readonly [name: string]: AnySource }

/** What `steps` gets: the stream of records, or the streams by name. */
export type Streams<S> =
  S extends Source<infer T>
    ? Observable<Envelope<T>>
    : { readonly [K in keyof S]: S[K] extends Source<infer T> ? Observable<Envelope<T>> : never }

/** A pipeline, as it is written. */
export interface PipelineDefinition<S extends Sources, E extends Envelope<unknown>, K> {
  /** Part of the ledger's key and of quarantine entries: rename with care. */
  readonly name: string
  /** One source, or `{ [name]: source }`; the window is shared fairly among them. */
  readonly source: S
  /** Made anew for each run. */
  readonly steps: (records: Streams<S>, flow: Flow) => Observable<E>
  /** Opened before the source. */
  readonly sink: Fits<E['value'], K>
  /** Where records go that fail; `'halt'` ends the run at the first. There is no default: the owner chooses. */
  readonly onFailure: Quarantine | 'halt'
  readonly limits?: Partial<Limits>
  /** What the steps do, a line each, for `millrace explain`: a function cannot be looked into. */
  readonly about?: readonly string[]
}

/** A pipeline that can be started, any number of times. */
export interface Pipeline<out S = Sources> {
  readonly name: string
  readonly source: S
  start(options?: StartOptions): PipelineRun
}

/**
 * Makes a pipeline of a source, steps and a sink. Checks everything, opens nothing.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID`, `MILL_OPTION_UNKNOWN`, `MILL_BATCH_EXCEEDS_WINDOW`.
 */
export function definePipeline<
  const S extends Sources,
  K extends Sink<never>,
  // biome-ignore lint/suspicious/noExplicitAny: what the steps give is inferred; `unknown` as default would refuse every sink
  E extends Envelope<unknown> = Envelope<any>,
>(definition: PipelineDefinition<S, E, K>): Pipeline<S> {
  const plan = planOf(definition as unknown as PipelineDefinition<Sources, Envelope<unknown>, Sink<unknown>>)
  const pipeline: Pipeline<S> = { name: plan.name, source: definition.source, start: options => startPlan(plan, options ?? {}) }
  rememberPlan(pipeline, plan)
  return Object.freeze(pipeline)
}

function planOf(definition: PipelineDefinition<Sources, Envelope<unknown>, Sink<unknown>>): RunPlan {
  const where = typeof definition?.name === 'string' && definition.name !== '' ? `pipeline ${definition.name}` : 'definePipeline'
  const { name, source, steps, sink, onFailure, limits, about } = resolveOptions<
    PipelineDefinition<Sources, Envelope<unknown>, Sink<unknown>>
  >(where, definition, {
    name: option.text(),
    source: option.matching('a source, or sources by name', value => isSource(value) || isNamedSources(value)),
    steps: option.function(),
    sink: option.matching('a sink: { name, open }', isPart),
    onFailure: option.matching("a quarantine or 'halt'", value => value === 'halt' || isPart(value)),
    limits: option.object('an object', { optional: true }),
    about: option.matching('a list of texts', isTexts, { optional: true }),
  }) as PipelineDefinition<Sources, Envelope<unknown>, Sink<unknown>> & { sink: Sink<unknown> }
  const writes = concurrentWrites(resolveWrites(sink))
  resolveLimits(name, limits, resolveBatchLimits(`sink ${sink.name}, batch`, sink.batch), writes)
  const isNamed = !isSource(source)
  const sources = (isNamed ? source : { [source.name]: source }) as Readonly<Record<string, Source<unknown>>>
  return Object.freeze({ name, sources, isNamed, steps: steps as RunPlan['steps'], sink, onFailure, limits, about })
}

function resolveWrites(sink: Sink<unknown>): Sink<unknown> {
  const { maxConcurrentWrites: given } = sink
  if (given !== undefined && !(Number.isSafeInteger(given) && given > 0)) {
    const where = `sink ${sink.name}`
    throw new MillraceError('MILL_OPTION_INVALID', {
      where,
      option: 'maxConcurrentWrites',
      expected: 'a whole number from 1 up',
      given: shown(given),
    })
  }
  return sink
}

const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(text => typeof text === 'string')

function isPart(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { name, open } = value as { name?: unknown; open?: unknown }
  return typeof name === 'string' && name !== '' && typeof open === 'function'
}

function isSource(value: unknown): value is Source<unknown> {
  return isPart(value) && ['prefix', 'single'].includes((value as { commits?: unknown }).commits as string)
}

function isNamedSources(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0 && Object.values(value).every(isSource)
}
