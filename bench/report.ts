import type { Compared, Result } from './measure.js'

/** A figure for people: one line a comparison. */
export function lineOf(result: Result): string {
  const { id, unit, runs, spread, also = [], quick } = result
  const [low, high] = spread
  const note = quick ? 'quick: says nothing of the goal' : `median of ${runs}, ${number(low)} to ${number(high)}`
  // What `holds` of the whole figure hides: whether the first comparison did by itself.
  const lines = [`${id.padEnd(20)} ${comparison(result, unit)}  (${note})`]
  for (const each of also) lines.push(`${''.padEnd(20)} ${comparison(each, unit)}`)
  return lines.join('\n')
}

/** A figure for programs: one line of JSON. */
export function jsonOf(result: Result): string {
  return JSON.stringify(result, (_, value) => (typeof value === 'number' ? rounded(value) : value))
}

function comparison({ what, ours, limit, ratio, goal, holds }: Compared, unit: string): string {
  return `${holds ? 'holds      ' : 'FALLS SHORT'} ${number(ratio)} (goal ${goal}): ${number(ours)} against ${number(limit)} ${unit}: ${what}`
}

function number(value: number): string {
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : `${rounded(value)}`
}

/** Three digits that count. */
const rounded = (value: number): number => (Math.abs(value) >= 1_000 ? Math.round(value) : Number(value.toPrecision(3)))
