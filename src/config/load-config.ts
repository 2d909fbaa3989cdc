import { dirname, resolve } from 'node:path'
import { shown } from '../core/options.js'
import type { Pipeline } from '../runtime/pipeline.js'
import { checkConfig } from './check-config.js'
import type { ResolvedConfig } from './config.js'
import { ConfigError, type Problem } from './config-error.js'
import { type ConfigPath, pathText } from './config-path.js'
import { type JsonSchema, schemaOf, withDefaults } from './config-schema.js'
import { secretsOfEnvironment } from './find-secrets.js'
import type { PipelineKind } from './kind.js'
import { PipelineMaker } from './pipeline-maker.js'
import { isPlainObject } from './plain-object.js'
import { readConfig } from './read-config.js'

/** Options of {@link loadConfig}. */
export interface LoadConfigOptions {
  /** The ready-made pipelines that `use` may name. */
  readonly kinds: readonly PipelineKind[]
  /** Where `${NAME}` is looked up. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Only these pipelines are interpolated and checked: what the others lack does not matter. Default: all. */
  readonly only?: readonly string[]
  /** Whether each pipeline is made too, which checks what only its parts know, and imports its modules. Nothing is opened. Default true. */
  readonly make?: boolean
}

/** A config that was read and checked. */
export interface LoadedConfig {
  readonly file: string
  /** Where the file lies: what its paths are relative to. */
  readonly directory: string
  readonly config: ResolvedConfig
  /** What must not be shown: values of files, of secret variables, under secret keys, and passwords in URLs. For `redact`. */
  readonly secrets: readonly string[]
  /** The names of the pipelines, in the order of the file; where `only` was given, of those alone. */
  readonly names: readonly string[]
  /**
   * Makes a pipeline, the same each time; imports modules, opens nothing.
   *
   * @throws {ConfigError} Where it cannot be made. `MILL_OPTION_INVALID` where there is none of this name.
   */
  pipeline(name: string): Promise<Pipeline>
}

/**
 * Reads a config, puts in the values of `${…}`, and checks it. Connects nothing.
 *
 * @throws {ConfigError} With all problems at once. `MILL_CONFIG_MISSING`, `MILL_CONFIG_UNREADABLE` where there is nothing to check.
 */
export async function loadConfig(file: string, { kinds, env, only, make = true }: LoadConfigOptions): Promise<LoadedConfig> {
  const path = resolve(file)
  const directory = dirname(path)
  const raw = await readConfig(path, secretsOfEnvironment(env))
  if (!isPlainObject(raw)) throw new ConfigError(path, [{ path: '', expected: 'an object with pipelines', given: shown(raw) }])
  const checked = await checkConfig(wanted(raw, only), { kinds, env, directory })
  const { value, pipelines, secrets } = checked
  const maker = new PipelineMaker(path, pipelines, kinds, directory, secrets)
  const told = new Set(checked.problems.map(problem => problem.path))
  // What the schema has told of, the part that takes the options may tell of once more.
  const made = make ? (await maker.problems(checked)).filter(problem => !told.has(problem.path)) : []
  const problems = [...checked.problems, ...made]
  if (problems.length > 0) throw new ConfigError(path, inOrder(problems, value))
  return {
    file: path,
    directory,
    config: resolved(value, pipelines, kinds),
    secrets,
    names: Object.keys(pipelines),
    pipeline: name => maker.pipeline(name),
  }
}

/** The config without the pipelines that do not matter. */
function wanted(raw: Readonly<Record<string, unknown>>, only: readonly string[] | undefined): Readonly<Record<string, unknown>> {
  const { pipelines } = raw
  if (only === undefined || !isPlainObject(pipelines)) return raw
  return { ...raw, pipelines: Object.fromEntries(Object.entries(pipelines).filter(([name]) => only.includes(name))) }
}

/** As the file has them; what is missing there stands right after what it is missing in. */
function inOrder(problems: readonly Problem[], value: unknown): Problem[] {
  const order = new Map<string, number>()
  number(value, [], order)
  const rank = (path: string): number => order.get(path) ?? rank(path.replace(/(^|\.)[^.[\]]+$|\["?[^"]*"?\]$|.$/, '')) + 0.5
  return problems.toSorted((a, b) => rank(a.path) - rank(b.path))
}

function number(value: unknown, path: ConfigPath, into: Map<string, number>): void {
  into.set(pathText(path), into.size)
  if (Array.isArray(value)) for (const [i, item] of value.entries()) number(item, [...path, i], into)
  else if (isPlainObject(value)) for (const [key, item] of Object.entries(value)) number(item, [...path, key], into)
}

function resolved(
  value: Readonly<Record<string, unknown>>,
  pipelines: Readonly<Record<string, unknown>>,
  kinds: readonly PipelineKind[],
): ResolvedConfig {
  const { $schema: _, ...given } = withDefaults(schemaOf(kinds), { log: {}, ...value })
  const entries = Object.entries(pipelines).map(([name, pipeline]) => {
    const kind = isPlainObject(pipeline) ? kinds.find(kind => kind.name === pipeline['use']) : undefined
    return [name, kind === undefined ? pipeline : withDefaults(kind.schema as JsonSchema, pipeline as Record<string, unknown>)]
  })
  return { ...given, pipelines: Object.fromEntries(entries) } as unknown as ResolvedConfig
}
