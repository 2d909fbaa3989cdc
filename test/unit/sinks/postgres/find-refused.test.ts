import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MillraceError } from '../../../../src/core/errors.js'
import { type Attempt, findRefused } from '../../../../src/sinks/postgres/find-refused.js'

const error = new MillraceError('MILL_DATABASE_REFUSED', { database: 'd', sqlstate: '23514', reason: 'bad' })

/** A table that refuses these rows: by name, or only as a whole. Rolls back what fails. */
function refusing(bad: ReadonlySet<number>, isNamed: (row: number) => boolean) {
  const written: number[] = []
  let attempts = 0
  const attempt: Attempt = async (from, to) => {
    attempts++
    const rows = Array.from({ length: to - from }, (_, i) => from + i)
    const first = rows.find(row => bad.has(row))
    if (first === undefined) {
      written.push(...rows)
      return null
    }
    return { error, row: isNamed(first) ? first : null }
  }
  return { attempt, written, attempts: () => attempts }
}

describe('findRefused', () => {
  it('writes each good row once, in order, and names each bad one, whether the server does or not', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 300 }),
        fc.uniqueArray(fc.nat(299), { maxLength: 40 }),
        fc.func(fc.boolean()),
        async (count, chosen, isNamed) => {
          const bad = new Set(chosen.filter(row => row < count))
          const table = refusing(bad, isNamed)
          const refused = await findRefused(count, table.attempt)
          expect([...refused.keys()].sort((a, b) => a - b)).toEqual([...bad].sort((a, b) => a - b))
          expect(table.written).toEqual(Array.from({ length: count }, (_, i) => i).filter(row => !bad.has(row)))
        },
      ),
    )
  })

  it.each([0, 1, 1_499, 1_500, 1_717, 2_999])('finds row %i of 3,000 in two writes where it is named, in 25 where it is not', async row => {
    const named = refusing(new Set([row]), () => true)
    await findRefused(3_000, named.attempt, { known: { error, row } })
    expect(named.attempts()).toBeLessThanOrEqual(2)
    const unnamed = refusing(new Set([row]), () => false)
    await findRefused(3_000, unnamed.attempt, { known: { error, row: null } })
    expect(unnamed.attempts()).toBeLessThanOrEqual(25)
  })

  it('sends no more than a few times the rows where all are bad', async () => {
    let sent = 0
    const table = refusing(new Set(Array.from({ length: 3_000 }, (_, i) => i)), () => true)
    const refused = await findRefused(3_000, (from, to) => {
      sent += to - from
      return table.attempt(from, to)
    })
    expect(refused.size).toBe(3_000)
    expect(sent).toBeLessThan(3_000 * 70)
  })

  it('blames nobody for trouble that is gone', async () => {
    const refused = await findRefused(10, async () => null, { known: { error, row: null } })
    expect(refused.size).toBe(0)
  })

  it('on trial writes nothing twice: what comes before a named row is left to the next write', async () => {
    const table = refusing(new Set([5]), () => true)
    expect([...(await findRefused(10, table.attempt, { known: { error, row: 5 }, isTrial: true })).keys()]).toEqual([5])
    expect(table.written).toEqual([6, 7, 8, 9])
  })

  it('passes on what is not a refusal', async () => {
    await expect(findRefused(10, () => Promise.reject(new Error('away')))).rejects.toThrow('away')
  })
})
