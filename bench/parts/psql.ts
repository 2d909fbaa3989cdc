import { execFile } from 'node:child_process'
import { accessSync, constants, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import type { Side } from '../figure.js'
import { COPY_FILE, connected, emptied, type SalesSetting } from './sales-database.js'

const run = promisify(execFile)

/**
 * The limit: psql's `\copy` of the same rows from a file into the same table, by one connection. Its own start is not counted: the time is that of
 * psql's `\timing`.
 */
export async function psqlCopy({ address, directory, rows }: SalesSetting): Promise<Side> {
  const client = await connected(address)
  const psql = program()
  const copy = `\\copy sales from '${join(directory, COPY_FILE)}'`
  return {
    async run() {
      await emptied(client)
      const { stdout } = await run(psql, ['-X', '-v', 'ON_ERROR_STOP=1', '-c', '\\timing on', '-c', copy, address], {
        env: { ...process.env, LC_ALL: 'C' },
      })
      const [, copied] = /^COPY (\d+)$/m.exec(stdout) ?? []
      const [, ms] = /^Time: ([\d.]+) ms/m.exec(stdout) ?? []
      if (Number(copied) !== rows || ms === undefined) throw new Error(`psql said: ${stdout}`)
      return rows / (Number(ms) / 1_000)
    },
    close: () => client.end(),
  }
}

/** psql of PATH, else of the newest of Debian's versions. */
function program(): string {
  const debian = '/usr/lib/postgresql'
  const versions = listed(debian).sort((a, b) => Number(b) - Number(a))
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), ...versions.map(version => join(debian, version, 'bin'))]
  for (const directory of directories) {
    const path = join(directory, 'psql')
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {}
  }
  throw new Error('psql is neither in PATH nor in /usr/lib/postgresql/*/bin (Debian: apt-get install postgresql-client)')
}

function listed(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
