import { errorReport } from '../core/error-report.js'
import { openDatabase, postgres } from '../drivers/postgres/database.js'

// Shows what a statement gives, as a table: for a look at the embedded database, which no other program can open.
const [statement, ...rest] = process.argv.slice(2)
if (statement === undefined || rest.length > 0) {
  process.stderr.write('usage: npm run sql -- "select …"\n')
  process.exitCode = 2
} else {
  process.exitCode = await show(statement)
}

async function show(sql: string): Promise<number> {
  const connection = process.env['DATABASE_URL']
  const database = postgres(connection ? { connection } : { embedded: '.millrace/db' })
  try {
    const session = await openDatabase(database)
    try {
      const { rows } = await session.query(sql)
      if (rows.length === 0) process.stdout.write('no rows\n')
      else console.table(rows)
    } finally {
      await session.close()
    }
    return 0
  } catch (error) {
    const { message, code, cause } = errorReport(error)
    process.stderr.write(`${message}${cause ? `: ${cause.message}` : ''}${code ? ` [${code}]` : ''}\n`)
    return 1
  }
}
