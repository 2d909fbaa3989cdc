/** A server that tests need. Each has a file beside this one, and a service of the same name in docker-compose.yml. */
export interface Server {
  readonly name: 'postgres' | 'kafka'
  /** The environment variable with the address of one that runs already. */
  readonly variable: 'DATABASE_URL' | 'KAFKA_BROKERS'
  /** Its port inside the container, and the variable by which docker-compose.yml takes the port on this machine. */
  readonly compose: { readonly port: number; readonly portVariable: string; readonly address: (port: number) => string }
  /** Starts the program of this machine in a directory of its own. Throws {@link ServerMissing} where there is none. */
  readonly startLocal: () => Promise<RunningServer>
  /** Throws until the server answers queries at `address`. */
  readonly check: (address: string) => Promise<void>
}

/** A server that answers. */
export interface RunningServer {
  readonly address: string
  /** Where it came from, for people: `DATABASE_URL`, `docker compose`, the path of the program. */
  readonly from: string
  /** Stops it, if it was started for the tests, and removes what it wrote. */
  readonly stop: () => Promise<void>
}

/** The programs of a server are not on this machine. */
export class ServerMissing extends Error {
  override readonly name = 'ServerMissing'
}

/** Calls `attempt` until it does not throw; after `withinMs` throws what it threw last. Against real servers only: they give no event. */
export async function until<T>(withinMs: number, attempt: () => Promise<T> | T): Promise<T> {
  const deadline = performance.now() + withinMs
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (performance.now() > deadline) throw error
      await new Promise(resolve => setTimeout(resolve, 25))
    }
  }
}
