import { dirname, resolve } from 'node:path'
import { errorText } from '../core/error-report.js'
import { MillraceError } from '../core/errors.js'
import { nearest, shown } from '../core/options.js'
import type { Pipeline } from '../runtime/pipeline.js'
import { checkShape, type Show } from './check-shape.js'
import type { ResolvedConfig } from './config.js'
import { ConfigError, type Problem } from './config-error.js'
import { type ConfigPath, pathText } from './config-path.js'
import { configSchema, type JsonSchema, withDefaults } from './config-schema.js'
import { findSecrets } from './find-secrets.js'
import { type Interpolation, interpolate } from './interpolate.js'
import type { PipelineKind } from './kind.js'
import { makePipeline } from './make-pipeline.js'
import { isPipelineLike, isPlainObject } from './plain-object.js'
import { readConfig } from './read-config.js'
import { redact } from './redact.js'
import { redactText } from './redact-text.js'
import { isSecretKey } from './secret-keys.js'

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
  /** The names of the pipelines, in the order of the file. */
  readonly names: readonly string[]
  /**
   * Makes a pipeline, the same each time; imports modules, opens nothing.
   *
   * @throws {ConfigError} Where it cannot be made; `MILL_OPTION_INVALID` where there is none of this name.
   */
  pipeline(name: string): Promise<Pipeline>
}

/**
 * Reads a config, puts in the values of `${…}`, and checks it.
 *
 * @throws {ConfigError} With all problems at once. `MILL_CONFIG_MISSING`, `MILL_CONFIG_UNREADABLE` where there is nothing to check.
 */
export async function loadConfig(file: string, options: LoadConfigOptions): Promise<LoadedConfig> {
  const at = resolve(file)
  const draft = new Draft(at, await readConfig(at), options)
  return draft.checked()
}

const schemas = new WeakMap<readonly PipelineKind[], JsonSchema>()

function schemaOf(kinds: readonly PipelineKind[]): JsonSchema {
  const schema = schemas.get(kinds) ?? configSchema(kinds)
  schemas.set(kinds, schema)
  return schema
}

/** A config on its way to be a loaded one. */
class Draft {
  private readonly directory: string
  private readonly problems: Problem[] = []
  private readonly secrets = new Set<string>()
  private readonly made = new Map<string, Promise<Pipeline>>()

  constructor(
    private readonly file: string,
    private readonly raw: unknown,
    private readonly options: LoadConfigOptions,
  ) {
    this.directory = dirname(file)
  }

  async checked(): Promise<LoadedConfig> {
    const { env, make = true } = this.options
    if (!isPlainObject(this.raw)) {
      throw new ConfigError(this.file, [{ path: '', expected: 'an object with pipelines', given: shown(this.raw) }])
    }
    const into: Interpolation = {
      env,
      directory: this.directory,
      problems: this.problems,
      secrets: this.secrets,
      whole: new Set(),
    }
    const value = (await interpolate(this.wanted(this.raw), [], into)) as Record<string, unknown>
    for (const secret of findSecrets(value)) this.secrets.add(secret)
    this.checkPlain(value, into.whole)
    const pipelines = isPlainObject(value['pipelines']) ? value['pipelines'] : {}
    const names = Object.keys(pipelines)
    if (make) await this.makeAll(pipelines)
    if (this.problems.length > 0) throw new ConfigError(this.file, this.problems)
    const config = this.resolved(value, pipelines)
    return {
      file: this.file,
      directory: this.directory,
      config,
      secrets: Object.freeze([...this.secrets]),
      names,
      pipeline: name => this.pipeline(name, pipelines),
    }
  }

  /** The raw config without the pipelines that do not matter. */
  private wanted(raw: Readonly<Record<string, unknown>>): object {
    const { only } = this.options
    const pipelines = raw['pipelines']
    if (only === undefined || !isPlainObject(pipelines)) return raw
    return { ...raw, pipelines: Object.fromEntries(Object.entries(pipelines).filter(([name]) => only.includes(name))) }
  }

  /** All but what was made in code, and of pipelines whose `use` says nothing only that. */
  private checkPlain(value: Readonly<Record<string, unknown>>, whole: ReadonlySet<string>): void {
    const { pipelines } = value
    const plain = isPlainObject(pipelines)
      ? { ...value, pipelines: Object.fromEntries(Object.entries(pipelines).filter(([name, use]) => this.checkUse(name, use))) }
      : value
    const unresolved = new Set(this.problems.map(({ path }) => path))
    const found = checkShape(schemaOf(this.options.kinds), plain, whole, this.show)
    // A text whose value is missing is not wrong in another way as well.
    this.problems.push(...found.filter(({ path }) => !unresolved.has(path)))
  }

  private checkUse(name: string, given: unknown): boolean {
    const path: ConfigPath = ['pipelines', name]
    if (isPipelineLike(given)) {
      if (given.name !== name) this.add([...path], `the pipeline ${given.name} under its own name`, shown(name), given.name)
      return false
    }
    if (!isPlainObject(given)) return this.add(path, 'an object with use', this.show(given, path))
    const { use } = given
    const names = this.options.kinds.map(kind => kind.name)
    const expected = `one of ${names.join(', ')}, the path of a module, or a package`
    if (typeof use !== 'string' || use === '') return this.add([...path, 'use'], expected, use === undefined ? 'nothing' : shown(use))
    if (names.includes(use) || /^\.{0,2}\//.test(use)) return true
    const suggestion = nearest(use, names)
    return suggestion === undefined || this.add([...path, 'use'], expected, shown(use), suggestion)
  }

  private add(path: ConfigPath, expected: string, given: string, suggestion?: string): false {
    this.problems.push({ path: pathText(path), expected, given, ...(suggestion !== undefined && { suggestion }) })
    return false
  }

  private readonly show: Show = (value, path) => {
    if (path.some(step => typeof step === 'string' && isSecretKey(step))) return 'a secret (not shown)'
    const secrets = [...this.secrets]
    return redactText(shown(redact(value, secrets)), secrets)
  }

  /** Each that has no problem so far. */
  private async makeAll(pipelines: Readonly<Record<string, unknown>>): Promise<void> {
    for (const name of Object.keys(pipelines)) {
      const path = pathText(['pipelines', name])
      if (
        this.problems.some(
          problem => problem.path === path || (/^[.[]/.test(problem.path.slice(path.length)) && problem.path.startsWith(path)),
        )
      )
        continue
      try {
        await this.pipeline(name, pipelines)
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error
        this.problems.push(...error.problems)
      }
    }
  }

  private pipeline(name: string, pipelines: Readonly<Record<string, unknown>>): Promise<Pipeline> {
    const known = Object.keys(pipelines)
    if (!known.includes(name)) {
      const suggestion = nearest(name, known)
      const expected = `one of ${known.join(', ')}${suggestion === undefined ? '' : ` (did you mean ${suggestion}?)`}`
      return Promise.reject(
        new MillraceError('MILL_OPTION_INVALID', { where: this.file, option: 'pipeline', expected, given: shown(name) }),
      )
    }
    const made = this.made.get(name) ?? this.newPipeline(name, pipelines[name])
    this.made.set(name, made)
    return made
  }

  private async newPipeline(name: string, given: unknown): Promise<Pipeline> {
    if (isPipelineLike(given)) return given as unknown as Pipeline
    try {
      return await makePipeline(name, given as { readonly use: string }, this.options.kinds, this.directory)
    } catch (error) {
      throw new ConfigError(this.file, this.problemsWithin(name, error), { cause: error })
    }
  }

  private problemsWithin(name: string, error: unknown): Problem[] {
    const secrets = [...this.secrets]
    const base = pathText(['pipelines', name])
    const inner =
      error instanceof ConfigError ? error.problems : [{ path: '', expected: 'a pipeline that can be made', given: errorText(error) }]
    return inner.map(problem => ({
      ...problem,
      path: problem.path === '' ? base : problem.path.startsWith('[') ? `${base}${problem.path}` : `${base}.${problem.path}`,
      given: redactText(problem.given, secrets),
    }))
  }

  private resolved(value: Readonly<Record<string, unknown>>, pipelines: Readonly<Record<string, unknown>>): ResolvedConfig {
    const { $schema: _, ...given } = withDefaults(schemaOf(this.options.kinds), { log: {}, ...value })
    const { kinds } = this.options
    const entries = Object.entries(pipelines).map(([name, pipeline]) => {
      const kind = isPlainObject(pipeline) ? kinds.find(({ name }) => name === pipeline['use']) : undefined
      return [name, kind === undefined ? pipeline : withDefaults(kind.schema as JsonSchema, pipeline as Record<string, unknown>)]
    })
    return { ...given, pipelines: Object.fromEntries(entries) } as unknown as ResolvedConfig
  }
}
