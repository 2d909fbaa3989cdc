import type { Observable } from 'rxjs'
import type { Envelope } from '../core/envelope.js'
import { MillraceError } from '../core/errors.js'
import { recordOperator } from '../core/operator.js'
import { option, resolveOptions, shown } from '../core/options.js'
import { valueOperator } from '../core/value-operator.js'
import { CsvRecordReader } from '../formats/csv-record.js'
import { utf8Text } from '../formats/utf8.js'
import { jsonDecoder } from './json-decoder.js'

/** A tombstone (null) stays null. */
export type Decode<Out> = <In extends Uint8Array | null>(records: Observable<Envelope<In>>) => Observable<Envelope<Out | Extract<In, null>>>

/** How `decode('json')` and `decode('ndjson')` read numbers. */
export interface DecodeJsonOptions {
  /**
   * An integer that a double does not hold exactly (9007199254740993) fails its record with `MILL_NUMBER_UNSAFE` (`'fail'`, the default), or
   * becomes a string of its digits (`'string'`). A number beyond the range of a double (1e400) fails in both cases.
   */
  readonly bigIntegers?: 'fail' | 'string'
}

/**
 * Makes values of bytes. Order is kept; what cannot be decoded fails its record with stage `decode`, never the stream.
 *
 * - `json`: one JSON text (RFC 8259). Nested deeper than 1,000 levels it fails. A `__proto__` key is an ordinary own property.
 * - `ndjson`: one JSON text a line. Several lines become several records (as `split`: a wrong line fails alone), none at all skips the record.
 * - `csv`: header row, line end, one row (RFC 4180), as `filesSource` gives it. All cells are strings.
 * - `text`: UTF-8. - `bytes`: as they are.
 *
 * All but `bytes` must be UTF-8; a byte order mark is dropped. A tombstone (null) stays null.
 *
 * Records fail with `MILL_VALUE_UNDECODABLE` (format, reason, place), `MILL_NUMBER_UNSAFE` (with its path as a JSON pointer) or
 * `MILL_CSV_INVALID` (unclosed quote, another number of cells than the header, a column without a name or with that of another).
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID`, `MILL_OPTION_UNKNOWN` at definition.
 */
export function decode(format: 'json' | 'ndjson', options?: DecodeJsonOptions): Decode<unknown>
export function decode(format: 'csv'): Decode<Readonly<Record<string, string>>>
export function decode(format: 'text'): Decode<string>
export function decode(format: 'bytes'): Decode<Uint8Array>
export function decode(format: Format, options: DecodeJsonOptions = {}): Decode<unknown> {
  resolveOptions('decode', { format }, { format: option.oneOf(['json', 'ndjson', 'csv', 'text', 'bytes']) })
  if (format === 'json' || format === 'ndjson') {
    const { bigIntegers } = resolveOptions<Required<DecodeJsonOptions>>('decode', options, {
      bigIntegers: option.oneOf(['fail', 'string'], { default: 'fail' }),
    })
    return format === 'json' ? jsonValueDecoder(bigIntegers) : linesDecoder(bigIntegers)
  }
  resolveOptions('decode', options, {})
  if (format === 'csv') return valueDecoder('CSV', csvDecoder)
  return format === 'text' ? valueDecoder('text', () => text => text) : bytesDecoder()
}

type Format = 'json' | 'ndjson' | 'csv' | 'text' | 'bytes'

/** One record in, one out. `start` runs once a run. */
function valueDecoder(format: string, start: () => (text: string) => unknown): Decode<unknown> {
  return valueOperator('decode', () => {
    const decodeText = start()
    return [value => (value === null ? null : textOf(value, format)), text => (text === null ? null : decodeText(text as string))]
  }) as Decode<unknown>
}

function jsonValueDecoder(bigIntegers: 'fail' | 'string'): Decode<unknown> {
  const { parse, checkNumbers } = jsonDecoder(bigIntegers)
  return valueOperator('decode', () => [
    value => (value === null ? null : textOf(value, 'JSON')),
    text => (text === null ? null : parse(text as string)),
    (value, bytes) => checkNumbers(value, () => textOf(bytes, 'JSON')),
  ]) as Decode<unknown>
}

function linesDecoder(bigIntegers: 'fail' | 'string'): Decode<unknown> {
  return operator(out => {
    const { parse, checkNumbers } = jsonDecoder(bigIntegers)
    const decodeLine = (line: Uint8Array) => {
      const text = textOf(line, 'ndjson')
      return checkNumbers(parse(text), () => text)
    }
    return record => {
      const { value } = record
      if (value === null) return out.next(record)
      mustBeBytes(value, 'ndjson')
      const lines = linesOf(value)
      // One line is the record itself: sources that cut by line pay for no split.
      if (lines.length === 1) return out.next(record.with(decodeLine(lines[0]!)))
      for (const child of record.split(lines)) {
        try {
          out.next(child.with(decodeLine(child.value)))
        } catch (error) {
          child.fail(error, 'decode')
        }
      }
    }
  })
}

function bytesDecoder(): Decode<unknown> {
  return operator(out => record => {
    if (record.value !== null) mustBeBytes(record.value, 'bytes')
    out.next(record)
  })
}

function csvDecoder(): (text: string) => unknown {
  const reader = new CsvRecordReader()
  return text => {
    const record = reader.read(text)
    if (typeof record === 'string') throw new MillraceError('MILL_CSV_INVALID', { reason: record, value: shown(text) })
    return record
  }
}

function operator(start: Parameters<typeof recordOperator<Uint8Array | null, unknown>>[1]): Decode<unknown> {
  return recordOperator('decode', start) as Decode<unknown>
}

function textOf(value: unknown, format: string): string {
  mustBeBytes(value, format)
  const text = utf8Text(value)
  if (typeof text === 'string') return text
  throw new MillraceError('MILL_VALUE_UNDECODABLE', { format, reason: `byte ${text} is not UTF-8` })
}

function mustBeBytes(value: unknown, format: string): asserts value is Uint8Array {
  if (!(value instanceof Uint8Array)) {
    throw new MillraceError('MILL_VALUE_UNDECODABLE', { format, reason: `expected bytes, got ${shown(value)}` })
  }
}

const LF = 10

/** Cut before decoding, so that a line with wrong bytes fails alone. Lines of nothing but blanks are passed over. */
function linesOf(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = []
  for (let from = 0; from < bytes.length; ) {
    const found = bytes.indexOf(LF, from)
    const end = found < 0 ? bytes.length : found
    const line = bytes.subarray(from, end)
    if (!line.every(isBlank)) lines.push(line)
    from = end + 1
  }
  return lines
}

const isBlank = (byte: number): boolean => byte === 32 || byte === 9 || byte === 13
