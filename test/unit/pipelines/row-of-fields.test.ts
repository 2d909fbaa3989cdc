import { describe, expect, it } from 'vitest'
import { rowOfFields } from '../../../src/pipelines/row-of-fields.js'
import { tableOf } from '../../../src/pipelines/table-option.js'
import { tableCodec } from '../../../src/tables/table-codec.js'

const table = {
  name: 't',
  columns: {
    id: { type: 'bigint', key: true },
    n: { type: 'integer', nullable: true },
    d: { type: 'double', nullable: true },
    exact: { type: 'numeric', nullable: true },
    on: { type: 'boolean', nullable: true },
    name: { type: 'varchar(10)', nullable: true },
    note: 'text',
    at: { type: 'timestamptz', nullable: true },
    tags: { type: 'text[]', nullable: true },
    more: { type: 'jsonb', nullable: true },
  },
}

describe('rowOfFields', () => {
  it('takes the fields that are columns, and leaves the others', () => {
    const toRow = rowOfFields(table, 'json')
    expect(toRow({ id: 1, note: 'x', other: 2, more: { a: 1 }, n: null })).toEqual({ id: 1, note: 'x', more: { a: 1 }, n: null })
    expect(toRow({ id: '7', on: 'true' })).toEqual({ id: '7', on: 'true' })
  })

  it.each([[null], [5], ['text'], [[1]], [undefined]])('refuses %j, which has no fields', value => {
    expect(() => rowOfFields(table, 'json')(value)).toThrow(/must be an object/)
  })

  it('takes nothing from a prototype', () => {
    const toRow = rowOfFields({ name: 't', columns: { constructed: 'text', toString_: 'text' } }, 'json')
    expect(toRow(Object.create({ constructed: 'x' }))).toEqual({})
  })

  it('makes of cells of CSV what the columns take', () => {
    const toRow = rowOfFields(table, 'csv')
    const row = toRow({
      id: '9007199254740993',
      n: '-5',
      d: '1e3',
      exact: '1.50',
      on: 'TRUE',
      name: 'Ada',
      note: '5',
      at: '2026-01-31',
      tags: '["a"]',
      more: '{"a":1}',
      extra: '',
    })
    expect(row).toEqual({
      id: 9007199254740993n,
      n: -5,
      d: 1000,
      exact: '1.50',
      on: true,
      name: 'Ada',
      note: '5',
      at: '2026-01-31',
      tags: ['a'],
      more: { a: 1 },
    })
    expect(tableCodec(tableOf(table)).checkRow(row as never)).toBeUndefined()
  })

  it('makes null of empty cells where the column takes null, and leaves them where it does not', () => {
    const toRow = rowOfFields(table, 'csv')
    expect(toRow({ id: '1', n: '', d: '', exact: '', on: '', name: '', note: '', at: '', tags: '', more: '' })).toEqual({
      id: 1n,
      n: null,
      d: null,
      exact: null,
      on: null,
      name: null,
      note: '',
      at: null,
      tags: null,
      more: null,
    })
  })

  it.each([
    ['id', '1.5'],
    ['id', ''],
    ['n', 'many'],
    ['n', '0x10'],
    ['n', '1.5'],
    ['n', ' '],
    ['d', 'Infinite'],
    ['on', 'maybe'],
    ['tags', 'a,b'],
  ])('lets the column %s refuse %j', (column, cell) => {
    const row = { id: '1', note: '', [column]: cell }
    const codec = tableCodec(tableOf(table))
    expect(codec.checkRow(rowOfFields(table, 'csv')(row) as never)?.message).toContain(`column ${column} of table t`)
  })
})
