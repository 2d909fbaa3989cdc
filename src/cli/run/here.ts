import type { LoadedConfig } from '../../config/load-config.js'
import { drainedPipeline } from '../../runtime/drained.js'
import type { Pipeline } from '../../runtime/pipeline.js'
import { supervise } from '../../runtime/supervisor.js'
import type { Frame } from '../frame.js'
import type { RunFlags } from './run-flags.js'
import type { Running } from './running.js'
import { prepareWatching } from './serve.js'
import { supervisorOptions } from './supervisor-options.js'

/** Runs the pipelines in this process. */
export async function runHere(frame: Frame, loaded: LoadedConfig, { drain }: Pick<RunFlags, 'drain'>): Promise<Running> {
  const log = frame.log(loaded)
  const pipelines = await pipelinesOf(loaded, drain === true)
  const watching = await prepareWatching(loaded, log)
  const supervisor = supervise(pipelines, { log, ...supervisorOptions(loaded.config, drain === true) })
  // In the same turn: later, batches would be missed.
  const close = await watching.watch(supervisor).catch(async error => {
    await supervisor.abort(error)
    throw error
  })
  return {
    finished: supervisor.finished,
    snapshot: () => supervisor.snapshot(),
    stop: () => supervisor.stop(),
    abort: reason => supervisor.abort(reason),
    close,
  }
}

/** The pipelines of a config, bounded where they are to end when all is settled. */
export async function pipelinesOf(loaded: LoadedConfig, isDrain: boolean): Promise<Pipeline[]> {
  const pipelines = await Promise.all(loaded.names.map(name => loaded.pipeline(name)))
  return isDrain ? pipelines.map(drainedPipeline) : pipelines
}
