import type { Frame, LoadedConfig } from '../frame.js'
import type { Running } from './running.js'

/** Runs the pipelines in several processes. */
export async function runInWorkers(_frame: Frame, _loaded: LoadedConfig, _options: { readonly workers: number }): Promise<Running> {
  throw new Error('not there yet')
}
