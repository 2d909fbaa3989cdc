import { spawnSync } from 'node:child_process'

import { describe, expect, it } from 'vitest'
import { describePostgres, query, withDatabase } from '../harness/database.js'
import { LocalPostgres } from '../harness/servers/local-postgres.js'

describePostgres('withDatabase', () => {
  const database = withDatabase()

  it('gives an empty database of its own', async () => {
    await query(database.connection, 'create table t (a int)')
    expect(await query(database.connection, 'select count(*)::int n from t')).toEqual([{ n: 0 }])
  })
})

describe('LocalPostgres', () => {
  it('keeps its rows over a crash and leaves nothing behind', async () => {
    const server = await LocalPostgres.create()
    await query(server.address, 'create table t as select 1 a')
    await server.halt('SIGQUIT')
    await server.start()
    expect(await query(server.address, 'select a from t')).toEqual([{ a: 1 }])
    const { pid } = server
    await server.stop()
    expect(spawnSync('kill', ['-0', `${pid}`]).status).not.toBe(0)
  })
})
