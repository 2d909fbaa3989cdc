import { errorText } from '../core/error-report.js'
import { MillraceError } from '../core/errors.js'
import { nearest, shown } from '../core/options.js'
import type { Pipeline } from '../runtime/pipeline.js'
import type { CheckedConfig } from './check-config.js'
import type { PipelineFactory } from './config.js'
import { ConfigError, type Problem } from './config-error.js'
import { isWithin, joined, pathText, renamed } from './config-path.js'
import { type JsonSchema, withDefaults } from './config-schema.js'
import type { PipelineKind } from './kind.js'
import { loadModule } from './load-module.js'
import { isPipelineLike, isPlainObject } from './plain-object.js'
import { redactText } from './redact-text.js'

/** Makes the pipelines of a config, each once. Imports modules; opens nothing. */
export class PipelineMaker {
  private readonly made = new Map<string, Promise<Pipeline>>()

  constructor(
    private readonly file: string,
    private readonly pipelines: Readonly<Record<string, unknown>>,
    private readonly kinds: readonly PipelineKind[],
    private readonly directory: string,
    private readonly secrets: readonly string[],
  ) {}

  /** @throws {ConfigError} With paths from the top of the config. `MILL_OPTION_INVALID` where there is none of this name. */
  pipeline(name: string): Promise<Pipeline> {
    const made = this.made.get(name) ?? this.make(name)
    this.made.set(name, made)
    return made
  }

  /** What is wrong in making all of them; where values are known to be wrong, only what does not hang on these is made. */
  async problems({ wrong, misspelled }: Pick<CheckedConfig, 'wrong' | 'misspelled'>): Promise<Problem[]> {
    const found: Problem[] = []
    for (const name of Object.keys(this.pipelines)) {
      const base = pathText(['pipelines', name])
      const within = wrong.filter(path => isWithin(path, base)).map(path => path.slice(base.length).replace(/^\./, ''))
      found.push(...(within.length === 0 ? await this.problemsOf(name) : await this.furtherProblemsOf(name, within)))
    }
    return found.map(problem => ({ ...problem, path: renamed(problem.path, misspelled) }))
  }

  private async problemsOf(name: string): Promise<readonly Problem[]> {
    try {
      await this.pipeline(name)
      return []
    } catch (error) {
      if (error instanceof ConfigError) return error.problems
      throw error
    }
  }

  /** As far as its kind can make parts by themselves. */
  private async furtherProblemsOf(name: string, wrong: readonly string[]): Promise<readonly Problem[]> {
    const given = this.pipelines[name]
    const kind = isPlainObject(given) ? this.kinds.find(kind => kind.name === given['use']) : undefined
    if (kind === undefined) return []
    const { use: _, ...options } = given as Record<string, unknown>
    const isWrong = (option: string) => wrong.some(path => path === '' || isWithin(path, option))
    try {
      await kind.make(name, withDefaults(kind.schema as JsonSchema, options), { directory: this.directory, isWrong })
      return []
    } catch (error) {
      // What else is thrown comes of what is known to be wrong.
      const further = error instanceof ConfigError ? error.problems : []
      return this.placed(
        name,
        further.filter(({ path }) => !wrong.some(at => isWithin(path, at) || isWithin(at, path))),
      )
    }
  }

  private async make(name: string): Promise<Pipeline> {
    if (!Object.hasOwn(this.pipelines, name)) throw this.unknown(name)
    const given = this.pipelines[name]
    if (isPipelineLike(given)) return given as unknown as Pipeline
    try {
      return await this.ofOptions(name, given as { readonly use: string })
    } catch (error) {
      const expected = 'a pipeline that can be made'
      const problems = error instanceof ConfigError ? error.problems : [{ path: '', expected, given: errorText(error) }]
      throw new ConfigError(this.file, this.placed(name, problems), { cause: error })
    }
  }

  private async ofOptions(name: string, { use, ...options }: { readonly use: string }): Promise<Pipeline> {
    const kind = this.kinds.find(kind => kind.name === use)
    const { directory } = this
    if (kind !== undefined) return kind.make(name, withDefaults(kind.schema as JsonSchema, options), { directory })
    const pipeline = await ofModule(name, use, (options as { readonly options?: Options }).options ?? {}, directory)
    if (!isPipelineLike(pipeline))
      throw refused('a module whose default export is a pipeline, or a function that gives one', shown(pipeline))
    if (pipeline.name !== name) throw refused(`a pipeline of the name ${name}, under which it stands`, `one of the name ${pipeline.name}`)
    return pipeline as unknown as Pipeline
  }

  private placed(name: string, problems: readonly Problem[]): Problem[] {
    const base = pathText(['pipelines', name])
    const clean = (text: string) => redactText(text, this.secrets)
    return problems.map(problem => ({ ...problem, path: joined(base, problem.path), given: clean(problem.given) }))
  }

  private unknown(name: string): MillraceError {
    const known = Object.keys(this.pipelines)
    const suggestion = nearest(name, known)
    const expected = `one of ${known.join(', ')}${suggestion === undefined ? '' : ` (did you mean ${suggestion}?)`}`
    return new MillraceError('MILL_OPTION_INVALID', { where: this.file, option: 'pipeline', expected, given: shown(name) })
  }
}

type Options = Readonly<Record<string, unknown>>

const refused = (expected: string, given: string, path = 'use', cause?: unknown): ConfigError =>
  new ConfigError('', [{ path, expected, given }], { cause })

async function ofModule(name: string, use: string, options: Options, directory: string): Promise<unknown> {
  let exported: unknown
  try {
    exported = await loadModule(use, directory)
  } catch (error) {
    throw refused('a module that can be loaded', errorText(error), 'use', error)
  }
  if (typeof exported !== 'function') return exported
  try {
    return await (exported as PipelineFactory)(options, { name, directory })
  } catch (error) {
    throw error instanceof ConfigError ? error : refused(`what ${use} takes`, errorText(error), 'options', error)
  }
}
