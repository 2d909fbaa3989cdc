import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { reasonOf } from '../core/error-report.js'
import { version } from '../core/version.js'
import { planOf } from '../runtime/start.js'
import type { Supervisor } from '../runtime/supervisor.js'
import type { ActorSnapshot, ActorState } from '../runtime/supervisor-actor.js'
import { BoundedLabels } from './bounded-labels.js'
import { lagBySource } from './lag-by-source.js'
import { addProcessMetrics } from './process-metrics.js'
import { addQuarantineMetric } from './quarantine-metric.js'

/** The metrics of a supervisor's pipelines, for Prometheus. */
export interface Metrics {
  /** A registry of their own, apart from prom-client's global one: add yours to it, or merge it with yours. */
  readonly registry: Registry
  /** All metrics as they are now, in Prometheus' text format. */
  text(): Promise<string>
  /** The content type of `text`. */
  readonly contentType: string
  /** Ends the watching. */
  close(): void
}

/**
 * Metrics of all pipelines of a supervisor. docs/operations.md says what each means.
 *
 * What can be read at any time is read when it is asked for; batches, writes and retries are counted as they happen, once a batch. Labels are bounded:
 * at most 50 reasons a pipeline (the rest is `other`), and single partitions only of sources with up to 100.
 */
export function metricsOf(supervisor: Supervisor): Metrics {
  const registry = new Registry()
  addProcessMetrics(registry)
  new Gauge({ name: 'millrace_info', help: 'The version of Millrace; always 1', labelNames: ['version'], registers: [registry] }).set(
    { version },
    1,
  )
  addSnapshotMetrics(registry, supervisor)
  addQuarantineMetric(registry, supervisor)
  const end = addBatchMetrics(registry, supervisor)
  return { registry, text: () => registry.metrics(), contentType: registry.contentType, close: end }
}

type Set = (value: number, labels?: Readonly<Record<string, string>>) => void

interface SnapshotMetric {
  readonly type: typeof Counter | typeof Gauge
  readonly name: string
  readonly help: string
  /** Beside `pipeline`. */
  readonly labels?: readonly string[]
  /** Gives the values of one pipeline. */
  readonly read: (actor: ActorSnapshot, set: Set) => void
}

const states: readonly ActorState[] = ['starting', 'running', 'waiting', 'draining', 'stopped', 'failed']
/** A pipeline whose table of names, ids or texts ends up in a label must not fill Prometheus. */
const MAX_REASONS = 50
const MAX_PARTITIONS = 100

function addSnapshotMetrics(registry: Registry, supervisor: Supervisor): void {
  let scraped: readonly ActorSnapshot[] | null = null
  // prom-client asks metric after metric within one turn: they share one snapshot, so that they fit together.
  const actors = () => {
    if (scraped === null) {
      scraped = supervisor.snapshot()
      queueMicrotask(() => {
        scraped = null
      })
    }
    return scraped
  }
  for (const { type: Type, name, help, labels = [], read } of snapshotMetrics(supervisor)) {
    new Type({
      name,
      help,
      labelNames: ['pipeline', ...labels],
      registers: [registry],
      collect() {
        this.reset()
        for (const actor of actors()) read(actor, (value, more) => this.inc({ pipeline: actor.name, ...more }, value))
      },
    })
  }
}

function snapshotMetrics(supervisor: Supervisor): readonly SnapshotMetric[] {
  const reasons = new Map(supervisor.pipelines.map(({ name }) => [name, new BoundedLabels(MAX_REASONS)]))
  const sources = new Map(supervisor.pipelines.map(pipeline => [pipeline.name, Object.keys(planOf(pipeline).sources)]))
  const lagOf = (actor: ActorSnapshot) => lagBySource(actor.run?.lag ?? new Map(), sources.get(actor.name) ?? [])
  return [
    {
      type: Counter,
      name: 'millrace_records_total',
      help: 'Rows that were settled, by outcome: delivered, skipped or quarantined',
      labels: ['outcome'],
      read: ({ totals }, set) => {
        for (const outcome of ['delivered', 'skipped', 'quarantined'] as const) set(totals[outcome], { outcome })
      },
    },
    {
      type: Counter,
      name: 'millrace_quarantined_total',
      help: 'Rows that were quarantined, by the code of what failed; at most 50 codes, the rest is other',
      labels: ['reason'],
      read: ({ name, totals }, set) => {
        for (const [reason, count] of reasons.get(name)?.counts(totals.quarantinedBy) ?? []) set(count, { reason })
      },
    },
    {
      type: Gauge,
      name: 'millrace_in_flight_records',
      help: 'Records that were read and are not settled, children of splits included',
      read: ({ run }, set) => set(run?.inFlight ?? 0),
    },
    {
      type: Gauge,
      name: 'millrace_in_flight_records_limit',
      help: 'How many records may be in flight: limits.maxInFlight. While as many are, the source is not read',
      read: ({ run }, set) => set(run?.maxInFlight ?? 0),
    },
    {
      type: Gauge,
      name: 'millrace_in_flight_bytes',
      help: 'Bytes, as read, of the records that are not settled',
      read: ({ run }, set) => set(run?.inFlightBytes ?? 0),
    },
    {
      type: Gauge,
      name: 'millrace_held_records',
      help: 'Records that the sink holds on its own disk',
      read: ({ run }, set) => set(run?.heldRecords ?? 0),
    },
    {
      type: Gauge,
      name: 'millrace_oldest_unsettled_seconds',
      help: 'How long the oldest record that is not settled has been waiting; 0 while there is none',
      read: ({ run }, set) => set((run?.oldestUnsettledMs ?? 0) / 1_000),
    },
    {
      type: Counter,
      name: 'millrace_restarts_total',
      help: 'How often the pipeline was started again after a failure',
      read: ({ restarts }, set) => set(restarts),
    },
    {
      type: Gauge,
      name: 'millrace_state',
      help: '1 for the state that the pipeline is in, 0 for the others',
      labels: ['state'],
      read: (actor, set) => {
        for (const state of states) set(actor.state === state ? 1 : 0, { state })
      },
    },
    {
      type: Gauge,
      name: 'millrace_state_since_timestamp_seconds',
      help: 'When the pipeline came into its state, in seconds since 1970',
      read: ({ since }, set) => set(since / 1_000),
    },
    {
      type: Gauge,
      name: 'millrace_lag',
      help: 'What a source has still to read in all its partitions together, in its positions (Kafka: records, files: bytes)',
      labels: ['source'],
      read: (actor, set) => {
        for (const [source, partitions] of lagOf(actor)) set(sum(partitions.values()), { source })
      },
    },
    {
      type: Gauge,
      name: 'millrace_lag_max',
      help: 'What a source has still to read in the partition where that is most, in its positions',
      labels: ['source'],
      read: (actor, set) => {
        for (const [source, partitions] of lagOf(actor)) set(Math.max(0, ...partitions.values()), { source })
      },
    },
    {
      type: Gauge,
      name: 'millrace_partition_lag',
      help: 'What a source has still to read in each partition, in its positions; only of sources with up to 100 partitions',
      labels: ['source', 'partition'],
      read: (actor, set) => {
        for (const [source, partitions] of lagOf(actor)) {
          if (partitions.size > MAX_PARTITIONS) continue
          for (const [partition, positions] of partitions) set(positions, { source, partition })
        }
      },
    },
    {
      type: Gauge,
      name: 'millrace_ledger_holes',
      help: 'Stretches of positions that are settled beyond one that is not, over all partitions',
      read: ({ run }, set) => set(run?.holes ?? 0),
    },
  ]
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, number) => total + number, 0)

const RECORDS_BUCKETS = [1, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000]
const BYTES_BUCKETS = [1e3, 1e4, 1e5, 1e6, 4e6, 1.6e7, 6.4e7]
const SECONDS_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

function addBatchMetrics(registry: Registry, supervisor: Supervisor): () => void {
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name, help, labelNames: ['pipeline'], buckets, registers: [registry] })
  const records = histogram('millrace_batch_records', 'Rows of the batches that were written', RECORDS_BUCKETS)
  const bytes = histogram('millrace_batch_bytes', 'Bytes, as read, of the batches that were written', BYTES_BUCKETS)
  const seconds = histogram(
    'millrace_write_seconds',
    'How long it took to write a batch, further attempts and waits included',
    SECONDS_BUCKETS,
  )
  const retries = new Counter({
    name: 'millrace_retries_total',
    help: 'How often something that is away was waited for, to be tried again, by the code of what was missing; at most 50 codes, the rest is other',
    labelNames: ['pipeline', 'reason'],
    registers: [registry],
  })
  return supervisor.observe(pipeline => {
    const labels = { pipeline }
    const reasons = new BoundedLabels(MAX_REASONS)
    // From the start, so that a rate over the first batch is seen.
    for (const metric of [records, bytes, seconds]) metric.zero(labels)
    return {
      wrote(batch) {
        if (!batch.isWritten) return
        // Of covers alone, or of rows that were delivered before, nothing is to be measured but the time.
        if (batch.records > 0) {
          records.observe(labels, batch.records)
          bytes.observe(labels, batch.bytes)
        }
        seconds.observe(labels, batch.seconds)
      },
      retried: reason => retries.inc({ pipeline, reason: reasons.labelOf(reasonOf(reason)) }),
    }
  })
}
