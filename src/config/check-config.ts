import { nearest, shown } from '../core/options.js'
import { checkShape, type Show } from './check-shape.js'
import type { Problem } from './config-error.js'
import { type ConfigPath, pathText, renamed } from './config-path.js'
import { schemaOf } from './config-schema.js'
import { findSecrets, secretsOfEnvironment } from './find-secrets.js'
import { interpolate } from './interpolate.js'
import type { PipelineKind } from './kind.js'
import { isPipelineLike, isPlainObject } from './plain-object.js'
import { redact } from './redact.js'
import { redactText } from './redact-text.js'
import { isSecretKey } from './secret-keys.js'

/** What {@link checkConfig} knows of the world. */
interface World {
  readonly kinds: readonly PipelineKind[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly directory: string
}

/** A config with its values, and what is wrong in it as far as its shape tells. */
export interface CheckedConfig {
  readonly value: Readonly<Record<string, unknown>>
  readonly pipelines: Readonly<Record<string, unknown>>
  readonly problems: readonly Problem[]
  /** Keys that were misspelled: from the path that was meant to the one that was written. `pipelines` have the first. */
  readonly misspelled: ReadonlyMap<string, string>
  /** Where values are wrong, by the paths that were meant. */
  readonly wrong: readonly string[]
  readonly secrets: readonly string[]
}

/** Puts the values of `${…}` in and compares the config with its schema. */
export async function checkConfig(raw: Readonly<Record<string, unknown>>, { kinds, env, directory }: World): Promise<CheckedConfig> {
  const problems: Problem[] = []
  const found = new Set<string>()
  const whole = new Set<string>()
  const value = (await interpolate(raw, [], { env, directory, problems, secrets: found, whole })) as Record<string, unknown>
  for (const secret of findSecrets(value)) found.add(secret)
  for (const secret of secretsOfEnvironment(env)) found.add(secret)
  const secrets = Object.freeze([...found])
  const show: Show = (given, path) => {
    if (path.some(step => typeof step === 'string' && isSecretKey(step))) return 'a secret (not shown)'
    return redactText(shown(redact(given, secrets)), secrets)
  }
  const pipelines = isPlainObject(value['pipelines']) ? value['pipelines'] : {}
  const plain: [string, unknown][] = []
  for (const [name, given] of Object.entries(pipelines)) {
    const wrong = useProblem(name, given, kinds, show)
    if (wrong !== null) problems.push(wrong)
    // What was made in code was checked there; and of what kind a pipeline is must be known, or its options cannot be judged.
    else if (!isPipelineLike(given)) plain.push([name, given])
  }
  const judged = isPlainObject(value['pipelines']) ? { ...value, pipelines: Object.fromEntries(plain) } : value
  const unresolved = new Set(problems.map(({ path }) => path))
  // A text whose value is missing is not wrong in another way as well.
  const shape = checkShape(schemaOf(kinds), judged, whole, show)
  const meant = new Map([...shape.misspelled].map(([right, written]) => [written, right]))
  const wrong = [...problems.map(({ path }) => renamed(path, meant)), ...shape.wrong]
  problems.push(...shape.problems.filter(({ path }) => !unresolved.has(path)))
  return { value, pipelines, problems, misspelled: shape.misspelled, wrong, secrets }
}

/** What is wrong with that by which a pipeline is known: its `use`, or in code its name. */
function useProblem(name: string, given: unknown, kinds: readonly PipelineKind[], show: Show): Problem | null {
  const path: ConfigPath = ['pipelines', name]
  if (isPipelineLike(given)) {
    if (given.name === name) return null
    return {
      path: pathText(path),
      expected: `a pipeline of the name ${name}`,
      given: `one of the name ${given.name}`,
      suggestion: given.name,
    }
  }
  if (!isPlainObject(given)) return { path: pathText(path), expected: 'an object with use', given: show(given, path) }
  const { use } = given
  const names = kinds.map(kind => kind.name)
  const expected = `one of ${names.join(', ')}, the path of a module, or a package`
  const at = pathText([...path, 'use'])
  if (typeof use !== 'string' || use === '') return { path: at, expected, given: use === undefined ? 'nothing' : shown(use) }
  if (names.includes(use) || isModulePath(use)) return null
  const suggestion = nearest(use, names)
  return suggestion === undefined ? null : { path: at, expected, given: shown(use), suggestion }
}

const isModulePath = (use: string): boolean => /^(\.{0,2}\/|file:)/.test(use)
