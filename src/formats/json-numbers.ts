import { walkJson } from './json-walk.js'

/** A number that changes when it is read as a double. */
export interface UnsafeNumber {
  /** As written. */
  readonly text: string
  /** A JSON pointer (RFC 6901); `''` at the top. */
  readonly path: string
  readonly start: number
  readonly end: number
}

/** The first digits of 2^53 + 1, the smallest integer that no double holds, are 16. */
const UNSAFE_DIGITS = 16
/** The largest double has 309 digits. */
const OVERFLOW_DIGITS = 309

/**
 * Whether a JSON text may hold a number that a double cannot: quick, and wrong only in one direction.
 *
 * Such a number has 16 digits in a row, or an exponent of three. Looking at every third character meets each run of three digits, so a record
 * without long numbers costs a third of a pass (300 bytes: 0.1 µs beside 2 µs of `JSON.parse`).
 */
export function mayHoldUnsafeNumber(json: string): boolean {
  const { length } = json
  for (let i = 2; i < length; i += 3) {
    if (!isDigit(json.charCodeAt(i))) continue
    let start = i
    while (start > 0 && isDigit(json.charCodeAt(start - 1))) start--
    let end = i + 1
    while (end < length && isDigit(json.charCodeAt(end))) end++
    if (end - start >= 3 && isSuspect(json, start, end)) return true
    i = end
  }
  return false
}

/** The numbers of a valid JSON text that are integers and not exact as a double, or overflow it, in their order. */
export function unsafeNumbers(json: string): UnsafeNumber[] {
  const found: UnsafeNumber[] = []
  walkJson(json, (start, end, pathOf) => {
    const text = json.slice(start, end)
    if (isUnsafe(text)) found.push({ text, path: pathOf(), start, end })
  })
  return found
}

/** Whether a JSON number is an integer: written without fraction and exponent. */
export function isIntegerText(number: string): boolean {
  return !/[.eE]/.test(number)
}

/** The same JSON with these numbers as strings. */
export function quoteNumbers(json: string, numbers: readonly UnsafeNumber[]): string {
  let quoted = ''
  let from = 0
  for (const { start, end, text } of numbers) {
    quoted += `${json.slice(from, start)}"${text}"`
    from = end
  }
  return quoted + json.slice(from)
}

function isUnsafe(number: string): boolean {
  const value = Number(number)
  if (!Number.isFinite(value)) return true
  // Without this, a record of many small numbers and one large would pay a BigInt for each.
  if (Number.isSafeInteger(value) || !isIntegerText(number)) return false
  return BigInt(number) !== BigInt(value)
}

/** Looks around a run of digits: an integer that long, or an exponent; not a fraction, not a part of a string. */
function isSuspect(json: string, start: number, end: number): boolean {
  const before = json.charCodeAt(start - 1)
  if (isExponentSign(json, start)) return startsNumber(json, exponentBase(json, start))
  if (end - start >= OVERFLOW_DIGITS) return true
  if (end - start < UNSAFE_DIGITS) return false
  if (json[end] === '.' || json[end] === 'e' || json[end] === 'E') return false
  return startsNumber(json, before === MINUS ? start - 1 : start)
}

const MINUS = 0x2d
const PLUS = 0x2b

function isDigit(c: number): boolean {
  return c >= 0x30 && c <= 0x39
}

function isExponentSign(json: string, start: number): boolean {
  const at = json.charCodeAt(start - 1) === PLUS ? start - 2 : start - 1
  return at > 0 && (json[at] === 'e' || json[at] === 'E') && isDigit(json.charCodeAt(at - 1))
}

/** Where the number begins whose exponent's digits begin at `start`. */
function exponentBase(json: string, start: number): number {
  let at = json.charCodeAt(start - 1) === PLUS ? start - 2 : start - 1
  while (at > 0 && (isDigit(json.charCodeAt(at - 1)) || json[at - 1] === '.')) at--
  return json.charCodeAt(at - 1) === MINUS ? at - 1 : at
}

/** A number follows a bracket, a comma, a colon, space or nothing; in a string it mostly follows something else. */
function startsNumber(json: string, at: number): boolean {
  return at <= 0 || ' \t\n\r,:['.includes(json[at - 1]!)
}
