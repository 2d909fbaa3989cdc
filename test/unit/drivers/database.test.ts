import { expect, test } from 'vitest'
import { databaseScope, postgres } from '../../../src/drivers/postgres/database.js'

test('an address that is none of Postgres is refused at once, and not shown', () => {
  for (const connection of ['nonsense', 'mysql://me:secret@host/app', 'host=localhost dbname=app']) {
    expect(() => postgres({ connection })).toThrow(
      'postgres: expected connection to be postgres://user:password@host:port/database, got a text that does not begin with postgres://',
    )
  }
  for (const connection of ['postgres://localhost/app', 'postgresql://localhost/app', '/var/run/postgresql app', 'socket:/tmp?db=app']) {
    expect(() => postgres({ connection })).not.toThrow()
  }
})

test('options in the place of a database are refused without being shown', () => {
  const options = { connection: 'postgres://me:secret@host/app' } as unknown as Parameters<typeof databaseScope>[0]
  expect(() => databaseScope(options)).toThrow('postgres: expected database to be a database made by postgres(), got something else')
})
