import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { type Database, openDatabase, postgres } from '../../../src/drivers/postgres/database.js'
import { identifier } from '../../../src/drivers/postgres/literals.js'
import { type PostgresSinkLimits, postgresSink } from '../../../src/sinks/postgres.js'
import { table } from '../../../src/tables/table.js'
import type { Behaviour } from '../../../src/testing/behaviour.js'
import { sinkBehaviours } from '../../../src/testing/sink-behaviours.js'
import { describePostgres, withDatabase } from '../../harness/database.js'

interface Row {
  readonly id: number
  readonly name: string
  readonly score: number | null
}

const variants = [
  { name: 'append, duplicates quarantined', ledger: false, options: { mode: 'append', onDuplicate: 'quarantine' } },
  { name: 'append, duplicates ignored', ledger: false, options: { mode: 'append', onDuplicate: 'ignore' } },
  { name: 'append with ledger', ledger: true, options: { mode: 'append', ledger: true } },
  { name: 'append, duplicates ignored, with ledger', ledger: true, options: { mode: 'append', ledger: true, onDuplicate: 'ignore' } },
  { name: 'upsert', ledger: false, options: { mode: 'upsert' } },
  { name: 'upsert with ledger', ledger: true, options: { mode: 'upsert', ledger: true } },
] as const

/** The suite, on a table of its own for each behaviour. `bad` rows pass the check of values and break a constraint. */
function behaviours(database: () => Database, variant: (typeof variants)[number], limits: PostgresSinkLimits = {}): readonly Behaviour[] {
  const row = (n: number): Row => ({ id: n, name: `tab\there "${n}" \\N 'x'\n`, score: n % 3 === 0 ? null : n / 4 })
  return sinkBehaviours<Row>({
    ledger: variant.ledger,
    row,
    bad: n => ({ id: n, name: 'bad', score: -1 }),
    async prepare() {
      const name = `t_${randomBytes(5).toString('hex')}`
      const place = database()
      const hold = await openDatabase(place)
      await hold.message(`drop table if exists millrace_ledger, millrace_seen;
create table ${name} (id bigint primary key, name text not null, score double precision check (score >= 0))`)
      const rows = table(name, c => ({ id: c.bigint(), name: c.text(), score: c.double().nullable() }), { key: ['id'] })
      return {
        sink: () => postgresSink(place, rows, { ...variant.options, ...limits }) as never,
        async rows() {
          const found = await hold.query<Row & { id: string }>(`select * from ${identifier(name)}`)
          return found.rows.map(({ id, name, score }) => ({ id: Number(id), name, score }))
        },
        close: () => hold.close(),
      }
    },
  })
}

describePostgres('postgresSink on a server', () => {
  const database = withDatabase()
  const server = () => postgres({ connection: database.connection })
  for (const variant of variants) {
    describe(variant.name, () => {
      for (const { name, run } of behaviours(server, variant)) it(name, run)
    })
  }
  describe('append with ledger, four writes at a time', () => {
    for (const { name, run } of behaviours(server, variants[2], { maxConcurrentWrites: 4 })) it(name, run)
  })
})

describe('postgresSink on PGlite', () => {
  // One test a variant: opening PGlite takes longer than most behaviours, and what is held over tests would count as left behind.
  it.each(variants)('meets the behaviours: $name', async variant => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-pglite-'))
    const database = postgres({ embedded: join(directory, 'db') })
    const hold = await openDatabase(database)
    try {
      for (const { name, run } of behaviours(() => database, variant)) {
        await run().catch(cause => {
          throw new Error(name, { cause })
        })
      }
    } finally {
      await hold.close()
      rmSync(directory, { recursive: true, force: true })
    }
  })
})
