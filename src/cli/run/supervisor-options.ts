import type { LoadedConfig } from '../../config/load-config.js'
import type { SupervisorOptions } from '../../runtime/supervisor.js'

/** A run that is to end by itself must not fail on for ever; one that is to stay may. */
const MAX_IN_A_ROW_OF_DRAIN = 3

/** How the pipelines of a config are supervised. What the config says of restarts wins. */
export function supervisorOptions(
  { restart, concurrently }: Pick<LoadedConfig['config'], 'restart' | 'concurrently'>,
  isDrain: boolean,
): Pick<SupervisorOptions, 'restart' | 'concurrently'> {
  return {
    restart: { ...(isDrain && { maxInARow: MAX_IN_A_ROW_OF_DRAIN }), ...restart },
    ...(concurrently !== undefined && { concurrently }),
  }
}
