import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { reasonOf } from '../core/error-report.js'
import { version } from '../core/version.js'
import type { Supervisor } from '../runtime/supervisor.js'
import { BoundedLabels, MAX_REASONS } from './bounded-labels.js'
import { addProcessMetrics } from './process-metrics.js'
import { addQuarantineMetric } from './quarantine-metric.js'
import { addSnapshotMetrics } from './snapshot-metrics.js'

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
