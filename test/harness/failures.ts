import type { Failure, Quarantine, QuarantineEntry, QuarantineFilter } from '../../src/core/quarantine.js'
import { testFailure } from '../../src/testing/failure.js'

/** A failure as the engine would give it: `value` in bytes, at this position of source `source`. */
export function failureAt(
  position: number | string,
  value: string | Uint8Array = `{"n":${position}}`,
  given: Partial<Failure> = {},
): Failure {
  const raw = typeof value === 'string' ? Buffer.from(value) : value
  return testFailure(position, { raw, error: new Error(`${position} failed`), ...given })
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
