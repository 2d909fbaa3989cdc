import { MillraceError } from '../core/errors.js'
import { option, resolveOptions } from '../core/options.js'
import type { BatchLimits } from '../core/sink.js'

/** The bounds of a run. All have defaults. */
export interface Limits {
  /** Unsettled records, children of splits included. Default (maxConcurrentWrites + 1) × batch.maxRecords; never below batch.maxRecords. */
  readonly maxInFlight: number
  /** Unsettled bytes, as read. Default (maxConcurrentWrites + 1) × batch.maxBytes, at least 4 MiB; a larger single record goes alone. */
  readonly maxInFlightBytes: number
  /** A larger record fails with `MILL_RECORD_TOO_LARGE`. Bytes, default 8 MiB. */
  readonly maxRecordBytes: number
  /** Records that sinks hold on their own disk. Default 10,000,000. */
  readonly maxHeldRecords: number
  /** After this long without any progress a full window is an error. ms, default 30,000. */
  readonly stallMs: number
  /** How long sink, quarantine and sources may take to open while they are away. ms, default 30,000. */
  readonly startTimeoutMs: number
  /** How long stop() waits for what is unsettled. ms, default 25,000. */
  readonly stopTimeoutMs: number
  /** The failure budget: so many failures within so many ms end the run. Default null: none. */
  readonly stopAt: { readonly failures: number; readonly withinMs: number } | null
}

// One batch fills while the others are written: with room for two, nothing was faster, and 28 MB more were held (bench memory.stalled). What is in
// flight takes three to five times its bytes as read: a window of 64 MiB held 350 MB of records of 16 KB.
const MIN_WINDOW_BYTES = 4 * 1024 * 1024

const BATCH_DEFAULTS: BatchLimits = { maxRecords: 1_000, maxBytes: 4 * 1024 * 1024, maxWaitMs: 100 }

/** A sink's batch bounds with the defaults put in. */
export function resolveBatchLimits(where: string, given: Partial<BatchLimits> | undefined): BatchLimits {
  return resolveOptions<BatchLimits>(where, given ?? {}, {
    maxRecords: option.wholeNumber(1, { default: BATCH_DEFAULTS.maxRecords }),
    maxBytes: option.wholeNumber(1, { default: BATCH_DEFAULTS.maxBytes }),
    maxWaitMs: option.wholeNumber(0, { default: BATCH_DEFAULTS.maxWaitMs }),
  })
}

/**
 * A pipeline's limits with the defaults put in.
 *
 * @throws {MillraceError} `MILL_BATCH_EXCEEDS_WINDOW` where the window could never hold one batch.
 */
export function resolveLimits(
  pipeline: string,
  given: Partial<Limits> | undefined,
  batch: BatchLimits,
  maxConcurrentWrites: number,
): Limits {
  const limits = resolveOptions<Limits>(`pipeline ${pipeline}, limits`, given ?? {}, {
    maxInFlight: option.wholeNumber(1, { default: (maxConcurrentWrites + 1) * batch.maxRecords }),
    maxInFlightBytes: option.wholeNumber(1, { default: Math.max((maxConcurrentWrites + 1) * batch.maxBytes, MIN_WINDOW_BYTES) }),
    maxRecordBytes: option.wholeNumber(1, { default: 8 * 1024 * 1024 }),
    maxHeldRecords: option.wholeNumber(1, { default: 10_000_000 }),
    stallMs: option.wholeNumber(1, { default: 30_000 }),
    startTimeoutMs: option.wholeNumber(0, { default: 30_000 }),
    stopTimeoutMs: option.wholeNumber(0, { default: 25_000 }),
    stopAt: option.matching('null or { failures, withinMs }, both whole numbers from 1 up', value => value === null || isBudget(value), {
      default: null,
    }),
  })
  const { maxInFlight } = limits
  if (batch.maxRecords > maxInFlight)
    throw new MillraceError('MILL_BATCH_EXCEEDS_WINDOW', { pipeline, maxRecords: batch.maxRecords, maxInFlight })
  return limits
}

function isBudget(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { failures, withinMs } = value as { failures?: unknown; withinMs?: unknown }
  return Number.isSafeInteger(failures) && Number.isSafeInteger(withinMs) && (failures as number) > 0 && (withinMs as number) > 0
}
