import type { TestProject } from 'vitest/node'
import { kafkaServer } from './servers/kafka.js'
import { postgresServer } from './servers/postgres.js'
import { type RunningServer, type Server, ServerMissing } from './servers/server.js'
import { startServer } from './servers/start-server.js'

declare module 'vitest' {
  interface ProvidedContext {
    /** The address of a Postgres where databases may be made; null where none could be started. */
    postgres: string | null
    /** `host:port` of a Kafka (several with commas between) where topics may be made; null where none could be started. */
    kafka: string | null
  }
}

/** What the tests of each project of vitest.config.ts get. */
const serversOf: Readonly<Record<string, readonly Server[]>> = { servers: [postgresServer], kafka: [postgresServer, kafkaServer] }

/** What runs, or why not. Of this process, not of this module: vitest loads it once for each project, and they share their servers. */
const shared = globalThis as unknown as { millraceServers?: Map<string, Promise<RunningServer | null>> }
shared.millraceServers ??= new Map()
const running = shared.millraceServers

/** Starts the servers of a project before its first test, all at once, and stops them after the last. */
// biome-ignore lint/style/noDefaultExport: vitest asks for it
export default async function startServers(project: TestProject): Promise<() => Promise<void>> {
  const wanted = serversOf[project.name] ?? []
  await Promise.all(
    wanted.map(async server => {
      if (!running.has(server.name)) running.set(server.name, startOnce(server))
      project.provide(server.name, (await running.get(server.name))?.address ?? null)
    }),
  )
  return async () => {
    for (const server of wanted) {
      const started = running.get(server.name)
      running.delete(server.name)
      await (await started)?.stop()
    }
  }
}

async function startOnce(server: Server): Promise<RunningServer | null> {
  const begun = performance.now()
  try {
    const started = await startServer(server)
    console.log(`tests use ${server.name} from ${started.from} (ready after ${((performance.now() - begun) / 1_000).toFixed(1)} s)`)
    return started
  } catch (error) {
    if (!(error instanceof ServerMissing)) throw error
    if (process.env['CI']) throw new Error(`${error.message} (an error, because CI is set)`)
    console.error(`\nNOT TESTED: ${error.message}. The tests that need it are skipped.\n`)
    return null
  }
}
