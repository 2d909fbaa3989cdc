import type { TestProject } from 'vitest/node'
import { postgresServer } from './servers/postgres.js'
import { type RunningServer, ServerMissing } from './servers/server.js'
import { startServer } from './servers/start-server.js'

declare module 'vitest' {
  interface ProvidedContext {
    /** The address of a Postgres where databases may be made; null where none could be started. */
    postgres: string | null
  }
}

const servers = [postgresServer]

/** Starts the servers of the project `servers` before its first test and stops them after its last. */
// biome-ignore lint/style/noDefaultExport: vitest asks for it
export default async function startServers(project: TestProject): Promise<() => Promise<void>> {
  const running: RunningServer[] = []
  for (const server of servers) {
    try {
      const started = await startServer(server)
      running.push(started)
      project.provide(server.name, started.address)
      console.log(`tests use ${server.name} from ${started.from}`)
    } catch (error) {
      if (!(error instanceof ServerMissing)) throw error
      if (process.env['CI']) throw new Error(`${error.message} (an error, because CI is set)`)
      console.error(`\nNOT TESTED: ${error.message}. The tests that need it are skipped.\n`)
      project.provide(server.name, null)
    }
  }
  return async () => {
    for (const server of running.reverse()) await server.stop()
  }
}
