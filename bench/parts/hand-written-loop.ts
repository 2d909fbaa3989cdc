import { Ajv } from 'ajv'
import type pg from 'pg'
import type { Side } from '../figure.js'
import { startBare } from './bare-consumer.js'
import { consumingSide } from './consuming-side.js'
import type { KafkaSalesSetting } from './kafka-sales.js'
import { cleaned, Sale, type SaleRow } from './sales.js'
import { connected } from './sales-database.js'

const ROWS = 1_000
const COLUMNS = Object.keys(Sale.properties) as (keyof SaleRow)[]
const names = COLUMNS.join(', ')

/** What many write by hand: `eachBatch`, ajv, an `insert … values` of 1,000 rows, then the commit of their offset; one connection. */
export async function handWrittenLoop({ address, ...setting }: KafkaSalesSetting): Promise<Side> {
  const client = await connected(address)
  const read = checked()
  const begin = () =>
    startBare(setting, (done, consumer) => {
      let inserted = 0
      return {
        autoCommit: false,
        eachBatchAutoResolve: false,
        async eachBatch({ batch: { topic, partition, messages }, resolveOffset, heartbeat }) {
          for (let from = 0; from < messages.length; from += ROWS) {
            const part = messages.slice(from, from + ROWS)
            await insert(
              client,
              part.map(({ value }) => read(value!)),
            )
            const last = part.at(-1)!.offset
            resolveOffset(last)
            await consumer.commitOffsets([{ topic, partition, offset: `${BigInt(last) + 1n}` }])
            await heartbeat()
            inserted += part.length
          }
          done(inserted)
        },
      }
    })
  return consumingSide({ address, rows: setting.rows }, begin, () => client.end())
}

/** One insert a message, each its own commit; `eachMessage`, ajv, a named statement. It reads no more than 3,000 of the topic. */
export async function insertPerMessage({ address, ...setting }: KafkaSalesSetting): Promise<Side> {
  const client = await connected(address)
  const read = checked()
  const rows = Math.min(setting.rows, 3_000)
  const text = `insert into sales (${names}) values (${COLUMNS.map((_, i) => `$${i + 1}`).join(', ')})`
  const begin = () =>
    startBare({ ...setting, rows }, done => {
      let inserted = 0
      return {
        async eachMessage({ message: { value } }) {
          // It reads on until it is stopped.
          if (inserted === rows) return
          const sale = read(value!)
          await client.query({ name: 'sale', text, values: COLUMNS.map(column => sale[column]) })
          inserted++
          done(inserted)
        },
      }
    })
  return consumingSide({ address, rows }, begin, () => client.end())
}

function checked(): (value: Buffer) => SaleRow {
  const validate = new Ajv().compile<SaleRow>(Sale)
  return value => {
    const sale: unknown = JSON.parse(value.toString())
    if (!validate(sale)) throw new Error(`not a sale: ${JSON.stringify(validate.errors)}`)
    return cleaned(sale)
  }
}

async function insert(client: pg.Client, sales: readonly SaleRow[]): Promise<void> {
  const values: unknown[] = []
  const tuples = sales.map(sale => `(${COLUMNS.map(column => `$${values.push(sale[column])}`).join(', ')})`)
  await client.query(`insert into sales (${names}) values ${tuples.join(', ')}`, values)
}
