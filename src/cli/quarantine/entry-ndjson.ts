import type { QuarantinedRecord, QuarantineEntry } from '../../core/quarantine.js'

/** One entry as a line of JSON, without its id, which is the store's: the same line comes of it after an import. Bytes are base64. */
export function exportLine(entry: QuarantineEntry): string {
  const { pipeline, at, stage, error, attempts, origin, raw, rawBytes, rawSha256, isTombstone, key, headers, timestamp, version } = entry
  const { source, partition, position, part } = origin
  return JSON.stringify({
    format: FORMAT,
    pipeline,
    at,
    stage,
    error,
    attempts: attempts.map(attempt => ({ at: attempt.at, error: attempt.error })),
    origin: { source, partition, position, part },
    raw: base64(raw),
    rawBytes,
    ...(rawSha256 !== undefined && { rawSha256 }),
    ...(isTombstone && { isTombstone }),
    key: key === null ? null : base64(key),
    headers: headers.map(([name, value]) => [name, base64(value)]),
    timestamp,
    version,
  })
}

/**
 * The entry of such a line.
 *
 * @throws {Error} Which says what is wrong with it.
 */
export function importLine(line: string): QuarantinedRecord {
  const given = JSON.parse(line) as Record<string, unknown>
  if (typeof given !== 'object' || given === null || given['format'] !== FORMAT) throw new Error(`format is not ${FORMAT}`)
  for (const [name, accepts] of Object.entries(members)) if (!accepts(given[name])) throw new Error(`${name} is not as an export writes it`)
  const { pipeline, at, stage, error, attempts, origin, raw, rawBytes, rawSha256, isTombstone, key, headers, timestamp, version } =
    given as unknown as Omit<QuarantinedRecord, 'raw' | 'key' | 'headers'> & {
      readonly raw: string
      readonly key: string | null
      readonly headers: readonly (readonly [string, string])[]
    }
  return {
    pipeline,
    at,
    stage,
    error,
    attempts,
    origin,
    raw: Buffer.from(raw, 'base64'),
    rawBytes,
    ...(rawSha256 !== undefined && { rawSha256 }),
    ...(isTombstone && { isTombstone }),
    key: key === null ? null : Buffer.from(key, 'base64'),
    headers: headers.map(([name, value]) => [name, Buffer.from(value, 'base64')] as const),
    timestamp,
    version,
  }
}

const FORMAT = 'millrace-quarantine-1'

const isText = (value: unknown): value is string => typeof value === 'string'
const isNumber = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value)
const isBase64 = (value: unknown): boolean => isText(value) && /^[A-Za-z0-9+/]*={0,2}$/.test(value)
const isError = (value: unknown): boolean => isObject(value) && isText(value['name']) && isText(value['message'])
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const members: Readonly<Record<string, (value: unknown) => boolean>> = {
  pipeline: isText,
  at: isNumber,
  stage: isText,
  error: isError,
  attempts: value => Array.isArray(value) && value.every(each => isObject(each) && isNumber(each['at']) && isError(each['error'])),
  origin: value =>
    isObject(value) &&
    isText(value['source']) &&
    isText(value['partition']) &&
    isText(value['part']) &&
    (isText(value['position']) || isNumber(value['position'])),
  raw: isBase64,
  rawBytes: isNumber,
  rawSha256: value => value === undefined || isText(value),
  isTombstone: value => value === undefined || value === true,
  key: value => value === null || isBase64(value),
  headers: value => Array.isArray(value) && value.every(pair => Array.isArray(pair) && isText(pair[0]) && isBase64(pair[1])),
  timestamp: isNumber,
  version: isText,
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
