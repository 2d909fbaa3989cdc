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

/** 2^53 + 1, the smallest integer that no double holds, has 16 digits. */
const UNSAFE_DIGITS = 16
const SHORT_OF_EXPONENT = /\d[eE][+\d]\d\d/
const LARGE_EXPONENT = /[ \t\n\r,:[-]\d+(?:\.\d+)?[eE]\+?\d{3}/
const NUMBER_START = /^\s*[-\d]/

/**
 * Whether a JSON text may hold a number that a double cannot: quick, and wrong only in one direction.
 *
 * Such a number is an integer of 16 digits or more, or has an exponent of three. What looks like it within a string (a long id, a UUID) is mostly told
 * apart by the character before it.
 */
export function mayHoldUnsafeNumber(json: string): boolean {
  return hasLongInteger(json) || (SHORT_OF_EXPONENT.test(json) && LARGE_EXPONENT.test(json)) || NUMBER_START.test(json)
}

/** Every run of 16 digits meets one character of 16, so no others are looked at: 300 bytes take 0.06 µs, by a regular expression 0.1 to 0.6. */
function hasLongInteger(json: string): boolean {
  for (let i = UNSAFE_DIGITS - 1; i < json.length; i += UNSAFE_DIGITS) {
    if (isDigit(json.charCodeAt(i)) && isInLongInteger(json, i)) return true
  }
  return false
}

function isInLongInteger(json: string, at: number): boolean {
  let start = at
  while (start > 0 && isDigit(json.charCodeAt(start - 1))) start--
  let end = at + 1
  while (end < json.length && isDigit(json.charCodeAt(end))) end++
  return end - start >= UNSAFE_DIGITS && (start === 0 || ' \t\n\r,:[-'.includes(json[start - 1]!))
}

function isDigit(character: number): boolean {
  return character >= 0x30 && character <= 0x39
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
