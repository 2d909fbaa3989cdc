import { Counter, Gauge, type Registry } from 'prom-client'
import type { SourceFacts } from '../core/source-facts.js'
import { planOf } from '../runtime/start.js'
import type { Supervisor } from '../runtime/supervisor.js'
import type { ActorSnapshot, ActorState } from '../runtime/supervisor-actor.js'
import { BoundedLabels, MAX_REASONS } from './bounded-labels.js'
import { lagBySource } from './lag-by-source.js'

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
const MAX_PARTITIONS = 100

/**
 * What a snapshot of the supervisor tells: read when it is asked for, so that it costs nothing while nobody asks.
 */
export function addSnapshotMetrics(registry: Registry, supervisor: Supervisor): void {
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
    ofSource(Gauge, 'partitions', 'Partitions that a source was given, as a member of a group', ({ assignment }) =>
      assignment === undefined ? undefined : sum(Object.values(assignment).map(({ length }) => length)),
    ),
    ofSource(
      Counter,
      'rebalances_total',
      'How often a source was given another share of the partitions, since the run began',
      facts => facts.rebalances,
    ),
    ofSource(Counter, 'commits_total', 'Commits of a source that were acknowledged, since the run began', ({ commits }) => commits),
    ofSource(
      Gauge,
      'committed_timestamp_seconds',
      'When the last commit of a source was acknowledged, in seconds since 1970',
      ({ committedAt }) => (committedAt === undefined ? undefined : committedAt / 1_000),
    ),
  ]
}

/** What some sources tell of themselves; of one that does not there is no series. */
function ofSource(
  type: SnapshotMetric['type'],
  name: string,
  help: string,
  read: (facts: SourceFacts) => number | undefined,
): SnapshotMetric {
  return {
    type,
    name: `millrace_source_${name}`,
    help,
    labels: ['source'],
    read: ({ run }, set) => {
      for (const [source, facts] of Object.entries(run?.sources ?? {})) {
        const value = read(facts)
        if (value !== undefined) set(value, { source })
      }
    },
  }
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, number) => total + number, 0)
