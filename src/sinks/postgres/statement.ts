import type { DatabaseConnection, MessageResult } from '../../drivers/postgres/database-session.js'

/** One SQL statement, with the rows of its COPY where it is one: in parts, and again from the first whenever they are asked for. */
export interface Statement {
  readonly sql: string
  readonly copy?: Iterable<Buffer>
}

/** The end of a COPY's SQL: stands for where the connection reads rows from. */
export const COPY_SOURCE = '$rows'

/** A statement's SQL for this connection. */
export function sqlFor({ copySource }: DatabaseConnection, { sql, copy }: Statement): string {
  return copy === undefined ? sql : sql.slice(0, -COPY_SOURCE.length) + copySource
}

/**
 * Sends statements as one transaction and one message. PGlite takes one COPY a message, so more of them go between BEGIN and COMMIT there.
 */
export async function sendTogether(connection: DatabaseConnection, statements: readonly Statement[]): Promise<readonly MessageResult[]> {
  const copies = statements.flatMap(({ copy }) => (copy === undefined ? [] : [copy]))
  if (copies.length < 2 || connection.copySource === 'stdin') return connection.message(joined(connection, statements), copies)
  await connection.message('begin')
  try {
    const results = await sendOneByOne(connection, statements)
    await connection.message('commit')
    return results
  } catch (error) {
    await connection.message('rollback').catch(() => {})
    throw error
  }
}

/** Sends statements within a transaction that is already open. */
export async function sendOneByOne(connection: DatabaseConnection, statements: readonly Statement[]): Promise<readonly MessageResult[]> {
  const results: MessageResult[] = []
  for (const statement of statements) {
    const copies = statement.copy === undefined ? [] : [statement.copy]
    results.push(...(await connection.message(joined(connection, [statement]), copies)))
  }
  return results
}

const joined = (connection: DatabaseConnection, statements: readonly Statement[]): string =>
  statements.map(statement => sqlFor(connection, statement)).join(';\n')
