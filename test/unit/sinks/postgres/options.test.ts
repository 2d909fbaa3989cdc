import { describe, expect, it } from 'vitest'
import { postgres } from '../../../../src/drivers/postgres/database.js'
import { postgresSink } from '../../../../src/sinks/postgres.js'
import { table } from '../../../../src/tables/table.js'

const server = postgres({ connection: 'postgres://user:secret@localhost:1/shop' })
const embedded = postgres({ embedded: '/nowhere/at/all' })
const keyed = table('t', c => ({ id: c.bigint(), name: c.text() }), { key: ['id'] })
const keyless = table('t', c => ({ id: c.bigint() }))
const sink = (database: unknown, of: unknown, options: unknown) => postgresSink(database as never, of as never, options as never)

describe('postgresSink', () => {
  it.each([
    [{ mode: 'append' }, keyed, 'onDuplicate'],
    [{ mode: 'append', onDuplicate: 'drop' }, keyed, 'onDuplicate'],
    [{ mode: 'upsert', onDuplicate: 'ignore' }, keyed, 'onDuplicate'],
    [{ mode: 'append', ledger: true, merge: ['name'] }, keyed, 'merge'],
    [{ mode: 'upsert', merge: ['id'] }, keyed, 'merge'],
    [{ mode: 'upsert' }, keyless, 'mode'],
    [{ mode: 'upsert', ledger: true, maxConcurrentWrites: 2 }, keyed, 'maxConcurrentWrites'],
    [{}, keyed, 'mode'],
  ])('refuses %j by the option’s name', (options, of, option) => {
    expect(() => sink(server, of, options)).toThrow(
      expect.objectContaining({ code: 'MILL_OPTION_INVALID', details: expect.objectContaining({ option }) }),
    )
  })

  it('refuses unknown options with a suggestion, and what no postgres() made', () => {
    expect(() => sink(server, keyed, { mode: 'upsert', legder: true })).toThrow(/did you mean ledger/)
    expect(() => sink({}, keyed, { mode: 'upsert' })).toThrow(/made by postgres\(\)/)
  })

  it('writes twice at a time where that keeps the order, by lane where rows are overwritten', () => {
    expect(sink(server, keyed, { mode: 'append', ledger: true })).toMatchObject({ maxConcurrentWrites: 2, ledger: true, overwrites: false })
    expect(sink(server, keyed, { mode: 'upsert' })).toMatchObject({ maxConcurrentWrites: 2, overwrites: true, lane: expect.any(Function) })
    expect(sink(server, keyed, { mode: 'upsert', ledger: true })).toMatchObject({ maxConcurrentWrites: 1 })
    expect(sink(server, keyed, { mode: 'upsert', ledger: true })).not.toHaveProperty('lane')
    expect(sink(embedded, keyed, { mode: 'upsert' })).toMatchObject({ maxConcurrentWrites: 1 })
  })

  it('shares the scope of its database, whose name tells no secret', () => {
    expect(sink(server, keyed, { mode: 'upsert' }).scope).toBe(server)
    expect(server.name).toBe('localhost:1/shop')
  })
})
