import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freePort } from './free-port.js'
import { type RunningServer, type Server, ServerMissing, until } from './server.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../../', import.meta.url))

/**
 * A running server: the one whose address the environment gives, else one by `docker compose` if an engine answers, else this machine's programs.
 *
 * @throws {ServerMissing} With all that was tried, where none of the three is there. An address that does not answer is an error, not a reason to go on.
 */
export async function startServer(server: Server): Promise<RunningServer> {
  const given = process.env[server.variable]
  if (given) {
    await until(30_000, () => server.check(given))
    return { address: given, from: server.variable, stop: async () => {} }
  }
  const tried = [`${server.variable} is not set`]
  try {
    return await startComposed(server)
  } catch (error) {
    tried.push(`docker compose: ${reason(error)}`)
  }
  try {
    return await server.startLocal()
  } catch (error) {
    if (!(error instanceof ServerMissing)) throw error
    tried.push(error.message)
  }
  throw new ServerMissing(`${server.name} could not be started: ${tried.join('; ')}`)
}

async function startComposed(server: Server): Promise<RunningServer> {
  await run('docker', ['info', '--format', '{{.ServerVersion}}'], { timeout: 5_000 })
  const port = await freePort()
  const env = { ...process.env, [server.compose.portVariable]: `${port}` }
  // A project of its own, so that a test run never meets the servers that somebody works with.
  const compose = (...args: string[]) =>
    run('docker', ['compose', '-p', `millrace-test-${port}`, ...args], { cwd: root, env, timeout: 180_000 })
  const stop = async () => {
    await compose('down', '--volumes', '--timeout', '2')
  }
  try {
    await compose('up', '--detach', '--wait', server.name)
    const address = server.compose.address(port)
    await until(30_000, () => server.check(address))
    return { address, from: 'docker compose', stop }
  } catch (error) {
    await stop().catch(() => {})
    throw error
  }
}

function reason(error: unknown): string {
  const { stderr, message, code } = error as { stderr?: string; message?: string; code?: unknown }
  if (code === 'ENOENT') return 'docker is not installed'
  return (stderr?.trim() || message || String(error)).split('\n').at(-1)!
}
