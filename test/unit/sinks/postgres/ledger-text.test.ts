import { describe, expect, it } from 'vitest'
import type { Cover } from '../../../../src/core/sink.js'
import { coverStatements, multirange, readMultirange } from '../../../../src/sinks/postgres/ledger-text.js'

const cover = (source: string, partition: string): Cover => ({ source, partition, epoch: 3n, positions: [[0, 5]], gaps: [[5, 6]] })

describe('the text of the ledger', () => {
  it('writes ranges as Postgres reads them, and reads what it writes', () => {
    const ranges = [
      [0, 5],
      [7, 9007199254740991],
    ] as const
    expect(multirange(ranges)).toBe('{[0,5),[7,9007199254740991)}')
    expect(readMultirange(multirange(ranges))).toEqual(ranges)
    expect(readMultirange('{}')).toEqual([])
  })

  it('takes the rows of the ledger in one order, whatever the order of the covers', () => {
    const covers = [cover('b', '1'), cover('a', '2'), cover('a', '10')]
    const statements = coverStatements('p', covers)
    expect(statements).toEqual(coverStatements('p', covers.toReversed()))
    expect(statements.map(text => /source = '(\w+)' and l.partition = '(\w+)'/.exec(text)!.slice(1))).toEqual([
      ['a', '10'],
      ['a', '2'],
      ['b', '1'],
    ])
  })

  it('quotes what names hold', () => {
    const [statement] = coverStatements(`p'; drop table t; --`, [cover(`s\\'`, 'x')])
    expect(statement).toContain(`l.pipeline = 'p''; drop table t; --'`)
    expect(statement).toContain(`l.source = E's\\\\'''`)
  })
})
