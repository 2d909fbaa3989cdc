import { decode, definePipeline, filesSource, handle, type Pipeline, postgres, postgresQuarantine, postgresSink, validate } from 'millrace'
import { cleaned, Sale, sales } from './sales.js'
import { JSON_FILE, type SalesSetting } from './sales-database.js'
import { nextName } from './sales-sink.js'

/** The main job: a file, decoded, validated, handled, into rows, quarantine and ledger of one database. */
export function mainJob({ address, directory }: Pick<SalesSetting, 'address' | 'directory'>): Pipeline {
  const database = postgres({ connection: address })
  return definePipeline({
    name: nextName(),
    source: filesSource({ root: directory, paths: JSON_FILE, format: 'ndjson' }),
    steps: lines => lines.pipe(decode('json'), validate(Sale), handle(cleaned)),
    sink: postgresSink(database, sales, { mode: 'append', ledger: true }),
    onFailure: postgresQuarantine(database),
  })
}
