import { type ColumnType, escapeCopy } from '../column-type.js'

// Anything else stands for itself in JSON; text has passed isWellFormed.
const jsonSpecial = /["\\\u0000-\u001f]/

const jsonText = (value: string): string => (jsonSpecial.test(value) ? JSON.stringify(value) : `"${value}"`)

/** What is wrong with a text for Postgres, whatever column it is for. */
export function refuseText(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'a text'
  if (value.includes('\0')) return 'a text without NUL characters'
  if (!value.isWellFormed()) return 'a text without lone surrogates'
  return undefined
}

const identity = (value: string): string => value

/** A text of any length. */
export const textType: ColumnType = {
  sql: 'text',
  refuse: refuseText,
  text: identity,
  copy: escapeCopy,
  json: jsonText,
  canonical: identity,
}

/** A text of at most `length` characters, counted as Postgres does: code points, and spaces beyond the end do not matter. */
export function varcharType(length: number): ColumnType {
  const expected = `a text of at most ${length} characters`
  return {
    ...textType,
    sql: `character varying(${length})`,
    refuse: value => refuseText(value) ?? ((value as string).length <= length || fits(value as string, length) ? undefined : expected),
    canonical: (value: string) => (value.length <= length ? value : value.slice(0, endOf(value, length))),
  }
}

function fits(value: string, length: number): boolean {
  for (let at = endOf(value, length); at < value.length; at++) if (value.charCodeAt(at) !== 0x20) return false
  return true
}

/** Where the character after `length` of them begins, in UTF-16 units. */
function endOf(value: string, length: number): number {
  let at = 0
  for (let count = 0; count < length && at < value.length; count++) at += value.codePointAt(at)! > 0xffff ? 2 : 1
  return at
}
