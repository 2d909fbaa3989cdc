import type { Quarantine } from '../../core/quarantine.js'
import { type Limits, resolveBatchLimits, resolveLimits } from '../../runtime/limits.js'
import { concurrentWrites, type RunPlan } from '../../runtime/plan.js'
import { counted } from '../bar.js'
import { knownSteps } from './known-steps.js'

/** A pipeline in words: what is known of it without opening anything. */
export interface Explanation {
  readonly pipeline: string
  readonly sources: Readonly<Record<string, readonly string[]>>
  readonly steps: readonly string[]
  readonly sink: readonly string[]
  readonly batch: {
    readonly maxRecords: number
    readonly maxBytes: number
    readonly maxWaitMs: number
    readonly maxConcurrentWrites: number
  }
  readonly limits: Limits
  readonly failures: readonly string[]
  readonly guarantees: readonly string[]
}

const GUARANTEES = 'guarantees: '

/** What a pipeline is made of and what it promises. Opens nothing. */
export function explainPipeline(plan: RunPlan): Explanation {
  const { name, sources, sink, onFailure } = plan
  const batch = resolveBatchLimits(`sink ${sink.name}, batch`, sink.batch)
  const maxConcurrentWrites = concurrentWrites(sink)
  const limits = resolveLimits(name, plan.limits, batch, maxConcurrentWrites)
  const told = (part: { readonly name: string; readonly describe?: () => readonly string[] }) => part.describe?.() ?? [part.name]
  const sinkLines = told(sink)
  return {
    pipeline: name,
    sources: Object.fromEntries(Object.entries(sources).map(([key, source]) => [key, told(source)])),
    steps: knownSteps(plan),
    sink: sinkLines.filter(line => !line.startsWith(GUARANTEES)),
    batch: { ...batch, maxConcurrentWrites },
    limits,
    failures: failureLines(onFailure, sink.scope, limits),
    guarantees: guarantees(plan, sinkLines),
  }
}

/** An explanation for people. */
export function explanationLines({ pipeline, sources, steps, sink, batch, limits, failures, guarantees }: Explanation): string[] {
  const section = (label: string, lines: readonly string[]) => lines.map((line, i) => `  ${(i === 0 ? label : '').padEnd(12)}${line}`)
  const names = Object.keys(sources)
  return [
    `pipeline ${pipeline}`,
    ...names.flatMap(name => section(names.length > 1 ? `source ${name}` : 'source', sources[name]!)),
    ...section('steps', steps),
    ...section('sink', sink),
    ...section('batch', [
      `written at ${counted(batch.maxRecords)} records, ${bytesText(batch.maxBytes)} or after ${counted(batch.maxWaitMs)} ms; ${
        batch.maxConcurrentWrites === 1 ? 'one write' : `${batch.maxConcurrentWrites} writes`
      } at a time`,
    ]),
    ...section('window', [
      `${counted(limits.maxInFlight)} records or ${bytesText(limits.maxInFlightBytes)} unsettled, then the source is not read`,
      `a record has at most ${bytesText(limits.maxRecordBytes)}`,
      `waits ${secondsText(limits.startTimeoutMs)} to start, ${secondsText(limits.stallMs)} in a stall, ${secondsText(limits.stopTimeoutMs)} to stop`,
    ]),
    ...section('failures', failures),
    ...section('guarantees', guarantees),
  ]
}

function failureLines(onFailure: Quarantine | 'halt', scope: object | undefined, { stopAt }: Limits): string[] {
  const budget = stopAt === null ? [] : [`the run ends at ${counted(stopAt.failures)} failures within ${secondsText(stopAt.withinMs)}`]
  if (onFailure === 'halt') return ['the run ends at the first record that fails', ...budget]
  const lines = onFailure.describe?.() ?? [onFailure.name]
  const isSame = onFailure.scope !== undefined && onFailure.scope === scope
  return [`to quarantine: ${lines[0]}`, ...lines.slice(1), ...(isSame ? ['written in the transaction of their batch'] : []), ...budget]
}

function guarantees({ sink, onFailure }: RunPlan, sinkLines: readonly string[]): string[] {
  const own = sinkLines.filter(line => line.startsWith(GUARANTEES)).map(line => line.slice(GUARANTEES.length))
  const rest = sink.ledger
    ? 'each record exactly once'
    : `each record at least once${sink.overwrites ? '; when it comes again, nothing changes' : ''}`
  const isSame = onFailure !== 'halt' && onFailure.scope !== undefined && onFailure.scope === sink.scope
  const failed = isSame && sink.ledger ? ['a record that fails is in quarantine exactly once, or delivered, never both'] : []
  return [...(own.length > 0 ? own : [rest]), ...failed, 'a position is committed only after everything before it is settled']
}

/** `2 MiB`, `800 KiB`, `12 bytes`. */
function bytesText(bytes: number): string {
  for (const [unit, size] of [['GiB', 1024 ** 3], ['MiB', 1024 ** 2], ['KiB', 1024]] as const) // biome-ignore format: pairs
    if (bytes >= size) return `${Number((bytes / size).toFixed(1))} ${unit}`
  return `${bytes} bytes`
}

const secondsText = (ms: number): string => (ms < 1_000 ? `${ms} ms` : `${Number((ms / 1_000).toFixed(1))} s`)
