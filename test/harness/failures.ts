import { RecordHeaders } from '../../src/core/headers.js'
import type { Failure, Quarantine, QuarantineEntry, QuarantineFilter } from '../../src/core/quarantine.js'

/** A failure as the engine would give it: `value` in bytes, at this position of source `source`. */
export function failureAt(
  position: number | string,
  value: string | Uint8Array = `{"n":${position}}`,
  given: Partial<Failure> = {},
): Failure {
  const raw = typeof value === 'string' ? Buffer.from(value) : value
  const error = given.error ?? new Error(`${position} failed`)
  return {
    origin: { source: 'source', partition: '0', position, part: '' },
    stage: 'handle',
    error,
    attempts: [{ at: 1_700_000_000_000, error }],
    raw,
    rawBytes: raw.byteLength,
    key: null,
    headers: [...RecordHeaders.none],
    timestamp: 1_600_000_000_000,
    ...given,
  }
}

/** Puts failures as a run of `pipeline` would. */
export async function putFailures(quarantine: Quarantine, failures: readonly Failure[], pipeline = 'test'): Promise<void> {
  const session = await quarantine.open({ pipeline })
  try {
    await session.put(failures)
  } finally {
    await session.close?.()
  }
}

export async function entriesOf(quarantine: Quarantine, filter?: QuarantineFilter): Promise<QuarantineEntry[]> {
  const entries: QuarantineEntry[] = []
  for await (const entry of quarantine.list(filter)) entries.push(entry)
  return entries
}
