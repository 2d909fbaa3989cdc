import { describe, expect, it } from 'vitest'
import { databaseError, faultOf, isOutcomeUnknown, refusalOf } from '../../../../src/drivers/postgres/database-error.js'

const server = (code: string, more: object = {}) => Object.assign(new Error('said so'), { code, severity: 'ERROR', ...more })

describe('databaseError', () => {
  it.each([
    ['08006', 'MILL_DATABASE_AWAY', true],
    ['57P01', 'MILL_DATABASE_AWAY', true],
    ['57P03', 'MILL_DATABASE_AWAY', true],
    ['53100', 'MILL_DATABASE_REFUSED', true],
    ['53300', 'MILL_DATABASE_REFUSED', true],
    ['40001', 'MILL_DATABASE_REFUSED', true],
    ['40P01', 'MILL_DATABASE_REFUSED', true],
    ['55P03', 'MILL_DATABASE_REFUSED', true],
    ['25006', 'MILL_DATABASE_REFUSED', true],
    ['22003', 'MILL_DATABASE_REFUSED', false],
    ['23505', 'MILL_DATABASE_REFUSED', false],
    ['42P01', 'MILL_DATABASE_REFUSED', false],
    ['28P01', 'MILL_DATABASE_REFUSED', false],
  ])('%s is %s, retryable %s', (sqlstate, code, retryable) => {
    expect(databaseError(server(sqlstate), 'd')).toMatchObject({ code, retryable })
  })

  it.each([
    ['08003', 'away'], ['53200', 'away'], ['57014', 'away'], ['58030', 'away'], ['40P01', 'away'],
    ['22P02', 'record'], ['23514', 'record'], ['44000', 'record'], ['P0001', 'record'],
    ['42703', 'run'], ['3D000', 'run'], ['XX000', 'run'],
  ] as const)('%s is the fault of the %s', (sqlstate, fault) => {
    expect(faultOf(sqlstate)).toBe(fault)
  }) // biome-ignore format: a table

  it.each([
    'Connection terminated unexpectedly',
    'Connection terminated',
    'timeout expired',
    'Client has encountered a connection error and is not queryable',
  ])('knows pg’s own text: %s', text => {
    expect(databaseError(new Error(text), 'd')).toMatchObject({ code: 'MILL_DATABASE_AWAY', retryable: true })
  })

  it('takes the codes of sockets, and no five letters of theirs for an SQLSTATE', () => {
    const error = databaseError(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }), 'd')
    expect(error).toMatchObject({ code: 'MILL_DATABASE_AWAY', retryable: true })
    expect(refusalOf(error)).toBeUndefined()
    expect(isOutcomeUnknown(error)).toBe(true)
  })

  it('keeps what Postgres says: line, column, constraint', () => {
    const where = 'COPY orders, line 17, column amount: "x, line 9"'
    expect(refusalOf(databaseError(server('22P02', { where }), 'd'))).toMatchObject({ line: 17, column: 'amount' })
    const nested = 'PL/pgSQL function f() line 3 at RAISE\nCOPY t, line 4: "1"'
    expect(refusalOf(server('P0001', { where: nested }))).toMatchObject({ line: 4 })
    expect(refusalOf(server('23503', { constraint: 'fk', where: 'SQL statement "select 1"' }))).toMatchObject({
      line: undefined,
      constraint: 'fk',
    })
  })

  it('knows whose outcome is certain', () => {
    expect(isOutcomeUnknown(databaseError(server('57P01'), 'd'))).toBe(true)
    expect(isOutcomeUnknown(databaseError(server('40P01'), 'd'))).toBe(false)
    expect(isOutcomeUnknown(databaseError(server('23505'), 'd'))).toBe(false)
  })
})
