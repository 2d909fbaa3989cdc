import { errorText } from '../core/error-report.js'
import { shown } from '../core/options.js'
import type { Pipeline } from '../runtime/pipeline.js'
import type { PipelineFactory } from './config.js'
import { ConfigError } from './config-error.js'
import { type JsonSchema, withDefaults } from './config-schema.js'
import type { PipelineKind } from './kind.js'
import { loadModule } from './load-module.js'
import { isPipelineLike } from './plain-object.js'

/**
 * Makes one pipeline of a config, by its kind or its module. Opens nothing.
 *
 * @throws {ConfigError} With paths relative to the pipeline.
 */
export async function makePipeline(
  name: string,
  given: { readonly use: string },
  kinds: readonly PipelineKind[],
  directory: string,
): Promise<Pipeline> {
  const { use, ...options } = given
  const kind = kinds.find(kind => kind.name === use)
  if (kind !== undefined) return kind.make(name, withDefaults(kind.schema as JsonSchema, options), { directory })
  const pipeline = await ofModule(name, use, (options as { options?: Readonly<Record<string, unknown>> }).options ?? {}, directory)
  if (!isPipelineLike(pipeline))
    throw refused(`a module that gives a pipeline (its default export), or a function that does`, shown(pipeline))
  if (pipeline.name !== name) throw refused(`a pipeline of the name ${name}, under which it stands`, `one of the name ${pipeline.name}`)
  return pipeline as unknown as Pipeline
}

async function ofModule(name: string, use: string, options: Readonly<Record<string, unknown>>, directory: string): Promise<unknown> {
  let exported: unknown
  try {
    exported = await loadModule(use, directory)
  } catch (error) {
    throw refused('a module that can be loaded', `${shown(use)}: ${errorText(error)}`, error)
  }
  if (typeof exported !== 'function') return exported
  try {
    return await (exported as PipelineFactory)(options, { name, directory })
  } catch (error) {
    throw error instanceof ConfigError
      ? error
      : new ConfigError('', [{ path: 'options', expected: `what ${use} takes`, given: errorText(error) }], { cause: error })
  }
}

const refused = (expected: string, given: string, cause?: unknown): ConfigError =>
  new ConfigError('', [{ path: 'use', expected, given }], { cause })
