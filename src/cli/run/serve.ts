import type { LoadedConfig } from '../../config/load-config.js'
import type { Logger } from '../../core/log.js'
import type { Supervisor } from '../../runtime/supervisor.js'

/** Watches a supervisor's pipelines: `watch` is to be called in the turn in which it is made. */
export interface Watching {
  /** Resolves when health and metrics are served, where the config says so. What it resolves to ends them. */
  watch(supervisor: Supervisor): Promise<() => Promise<void>>
}

/** Loads what watching needs: nothing, where the config has no `monitoring` and no SDK of OpenTelemetry is registered. */
export async function prepareWatching({ config: { monitoring } }: LoadedConfig, log: Logger): Promise<Watching> {
  const [serving, tracing] = await Promise.all([
    monitoring === undefined ? null : import('../../monitoring/server.js'),
    isTraced() ? import('../../monitoring/tracing.js') : null,
  ])
  return {
    async watch(supervisor) {
      const endTracing = tracing?.traceBatches(supervisor)
      const server = await serving?.serveMonitoring(supervisor, { ...monitoring, log })
      return async () => {
        endTracing?.()
        await server?.close()
      }
    },
  }
}

/** Where OpenTelemetry's API keeps what an SDK registers: it must have come before the pipelines, by `node --import` or from the config. */
function isTraced(): boolean {
  const registered = (globalThis as Record<symbol, unknown>)[Symbol.for('opentelemetry.js.api.1')]
  return typeof registered === 'object' && registered !== null && 'trace' in registered
}
