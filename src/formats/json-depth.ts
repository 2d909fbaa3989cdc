/**
 * Whether arrays and objects of a JSON text are nested deeper than `max`. `JSON.parse` bears any depth; the recursive functions that meet
 * its result afterwards (validators, `JSON.stringify`, Postgres) do not.
 *
 * Texts with at most `max` opening brackets, the common case, are not walked.
 */
export function isNestedDeeper(json: string, max: number): boolean {
  if (json.length <= max || !hasMore(json, max)) return false
  let depth = 0
  for (let i = 0; i < json.length; i++) {
    const c = json.charCodeAt(i)
    if (c === QUOTE) i = endOfString(json, i)
    else if (c === OPEN_ARRAY || c === OPEN_OBJECT) {
      if (++depth > max) return true
    } else if (c === CLOSE_ARRAY || c === CLOSE_OBJECT) depth--
  }
  return false
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

function hasMore(json: string, max: number): boolean {
  let brackets = 0
  for (const bracket of ['[', '{']) {
    for (let at = json.indexOf(bracket); at >= 0; at = json.indexOf(bracket, at + 1)) if (++brackets > max) return true
  }
  return false
}

function endOfString(json: string, start: number): number {
  for (let i = start + 1; i < json.length; i++) {
    const c = json.charCodeAt(i)
    if (c === QUOTE) return i
    if (c === BACKSLASH) i++
  }
  return json.length
}
