import { type ColumnType, escapeCopy, plainType } from '../column-type.js'

const numberText = (value: number): string => (Object.is(value, -0) ? '-0' : `${value}`)
const wholeText = (value: number | bigint): string => `${value}`

/** 32 bits; numbers only. */
export const integerType: ColumnType = plainType<number>({
  sql: 'integer',
  refuse: value =>
    typeof value === 'number' && Number.isInteger(value) && value >= -2147483648 && value <= 2147483647
      ? undefined
      : 'a whole number from -2147483648 to 2147483647',
  text: wholeText,
  json: wholeText,
})

const MIN_BIGINT = -(2n ** 63n)
const MAX_BIGINT = 2n ** 63n - 1n

/** 64 bits; a bigint, or a number that a double holds exactly. */
export const bigintType: ColumnType = plainType<number | bigint>({
  sql: 'bigint',
  refuse(value) {
    if (typeof value === 'number') {
      // Beyond 2^53 a double may have lost digits before it came here.
      return Number.isSafeInteger(value) ? undefined : 'a whole number up to 2^53 - 1, or a bigint'
    }
    if (typeof value !== 'bigint') return 'a whole number or a bigint'
    return value >= MIN_BIGINT && value <= MAX_BIGINT ? undefined : `a bigint from ${MIN_BIGINT} to ${MAX_BIGINT}`
  },
  text: wholeText,
  json: wholeText,
})

/** A double, NaN, infinities and the negative zero included. */
export const doubleType: ColumnType = plainType<number>({
  sql: 'double precision',
  refuse: value => (typeof value === 'number' ? undefined : 'a number'),
  text: numberText,
  // JSON has no infinities, and a JSON number has no negative zero once it is a numeric.
  json: value => (value - value === 0 && value !== 0 ? `${value}` : `"${numberText(value)}"`),
  canonical: value => `${value}`,
})

// As numeric_in reads it (src/backend/utils/adt/numeric.c); hexadecimal and underscores came with Postgres 16 and are left out.
const numericSyntax = /^[ \t\n\v\f\r]*[+-]?(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?\d+))?[ \t\n\v\f\r]*$/
const numericWord = /^[ \t\n\v\f\r]*(?:nan|([+-]?)inf(?:inity)?)[ \t\n\v\f\r]*$/i
const MAX_WHOLE_DIGITS = 131_072
const MAX_SCALE = 16_383
// Of zeros too, whatever it comes to.
const MAX_EXPONENT = 2 ** 30 - 1
const numericExpected = 'a number, a bigint, or a number as text'
const numericRange = `a number of at most ${MAX_WHOLE_DIGITS} digits before and ${MAX_SCALE} after the decimal point`

function refuseNumeric(value: unknown): string | undefined {
  if (typeof value === 'number') return undefined
  if (typeof value === 'bigint') return value < BIGINT_BOUND && value > -BIGINT_BOUND ? undefined : refuseNumeric(`${value}`)
  if (typeof value !== 'string') return numericExpected
  const match = numericSyntax.exec(value)
  if (match === null) return numericWord.test(value) ? undefined : numericExpected
  if (match[4] === undefined && value.length <= MAX_SCALE) return undefined
  return isInNumericRange(match) ? undefined : numericRange
}

const BIGINT_BOUND = 10n ** 1000n

function isInNumericRange([, whole = '', fraction = '', onlyFraction = '', exponentText = '0']: readonly string[]): boolean {
  const exponent = Number(exponentText)
  const after = fraction + onlyFraction
  if (exponent > MAX_EXPONENT || after.length - exponent > MAX_SCALE) return false
  const digits = (whole + after).replace(/^0+/, '')
  return digits === '' || digits.length - after.length + exponent <= MAX_WHOLE_DIGITS
}

/** Any precision that Postgres has; text keeps every digit. */
export const numericType: ColumnType = {
  sql: 'numeric',
  refuse: refuseNumeric,
  text: wholeText,
  copy: (value: string | number | bigint) => (typeof value === 'string' ? escapeCopy(value) : `${value}`),
  // As a string: a number of JSON knows neither NaN nor '.5', and the server reads a string at once.
  json: (value: string | number | bigint) => (typeof value === 'string' ? JSON.stringify(value) : `"${value}"`),
  canonical: (value: string | number | bigint) => canonicalNumeric(`${value}`),
}

/** Digits and exponent without the zeros that change no value: '1.50' and '15e-1' are both '15e-1'. */
function canonicalNumeric(value: string): string {
  const match = numericSyntax.exec(value)
  if (match === null) return canonicalWord(value)
  const [, whole = '', fraction = '', onlyFraction = '', exponent = '0'] = match
  const after = fraction + onlyFraction
  const digits = (whole + after).replace(/^0+/, '')
  const significant = digits.replace(/0+$/, '')
  if (significant === '') return '0'
  const power = Number(exponent) - after.length + (digits.length - significant.length)
  const sign = value.trimStart().startsWith('-') ? '-' : ''
  return `${sign}${significant}e${power}`
}

function canonicalWord(value: string): string {
  const match = numericWord.exec(value)
  if (match === null) return value
  if (match[1] === undefined) return 'NaN'
  return match[1] === '-' ? '-Infinity' : 'Infinity'
}
