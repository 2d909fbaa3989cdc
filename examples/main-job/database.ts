import { postgres } from 'millrace'

const connection = process.env['DATABASE_URL']

/** A real server by one setting, `DATABASE_URL`; without it a Postgres inside this process, kept in a directory. */
export const database = postgres(connection ? { connection } : { embedded: '.millrace/db' })
