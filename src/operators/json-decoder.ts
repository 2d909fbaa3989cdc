import { MillraceError } from '../core/errors.js'
import { isNestedDeeper } from '../formats/json-depth.js'
import { holdsLargeNumber, isIntegerText, quoteNumbers, unsafeNumbers } from '../formats/json-numbers.js'
import { walkJson } from '../formats/json-walk.js'

/** Deeper than any real record, and far from where recursive functions overflow the stack. */
const MAX_DEPTH = 1_000

/** What `decode` promises of JSON, in two steps, each of which is quickest when nothing else comes between its calls. */
export interface JsonDecoder {
  parse(text: string): unknown
  /**
   * Gives the value as it is where a double holds all its numbers.
   *
   * @param text - Of the value; asked for where a number is so large that one has to look.
   */
  checkNumbers(value: unknown, text: () => string): unknown
}

/** `JSON.parse` does the work; a check before it and one behind it cost a fraction of it, and the scanner is used only where they say so. */
export function jsonDecoder(bigIntegers: 'fail' | 'string'): JsonDecoder {
  return {
    parse(text) {
      if (isNestedDeeper(text, MAX_DEPTH)) throw undecodable(`arrays and objects are nested deeper than ${MAX_DEPTH} levels`)
      return parse(text)
    },
    checkNumbers: (value, text) => (holdsLargeNumber(value) ? checkedNumbers(text(), value, bigIntegers) : value),
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw undecodable(problemOf(text) ?? (cause as Error).message)
  }
}

function checkedNumbers(text: string, value: unknown, bigIntegers: 'fail' | 'string'): unknown {
  const unsafe = unsafeNumbers(text)
  if (unsafe.length === 0) return value
  const failing = unsafe.find(number => bigIntegers === 'fail' || !isIntegerText(number.text))
  if (failing !== undefined) throw new MillraceError('MILL_NUMBER_UNSAFE', { path: failing.path, number: clipped(failing.text) })
  return JSON.parse(quoteNumbers(text, unsafe))
}

/** V8's own messages differ between versions, and few say where. */
function problemOf(text: string): string | null {
  if (text.trim() === '') return 'there is no value'
  const problem = walkJson(text)
  if (problem === null) return null
  const before = text.slice(0, problem.at)
  const line = before.split('\n').length
  const column = problem.at - before.lastIndexOf('\n')
  return `${problem.reason} at line ${line}, column ${column}`
}

function undecodable(reason: string): MillraceError {
  return new MillraceError('MILL_VALUE_UNDECODABLE', { format: 'JSON', reason })
}

const clipped = (number: string): string => (number.length > 60 ? `${number.slice(0, 60)}… (${number.length} characters)` : number)
