import type { Failure } from '../core/quarantine.js'

/** A failure as the engine would give it: of the record at this position of source `source`, at stage `handle`. */
export function testFailure(position: number | string, given: Partial<Failure> = {}): Failure {
  const raw = given.raw ?? Buffer.from(`{"n":"${position}"}`)
  const error = 'error' in given ? given.error : new TypeError(`${position} is wrong`)
  return {
    origin: { source: 'source', partition: '0', position, part: '' },
    stage: 'handle',
    error,
    attempts: [{ at: 1_700_000_000_000, error }],
    raw,
    rawBytes: raw.byteLength,
    key: null,
    headers: [],
    timestamp: 1_600_000_000_000,
    ...given,
  }
}
