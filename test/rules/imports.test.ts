import { builtinModules } from 'node:module'
import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { codeOf, exportsOf, filesUnder, importsOf, type SourceFile } from '../harness/source-files.js'
import { barrels, packagesOfDrivers, rooms } from './rooms.js'

const files = filesUnder('src', '.ts')
const isBarrel = (path: string) => (barrels as readonly string[]).includes(path)
/** `src/core/errors.ts` → `core`; of files that lie in src itself ''. */
const roomOf = (path: string) => (path.split('/').length > 2 ? path.split('/')[1]! : '')
/** `ajv/dist/2020.js` → `ajv`, `@scope/name/deep` → `@scope/name`. */
const packageOf = (given: string) =>
  given
    .split('/')
    .slice(0, given.startsWith('@') ? 2 : 1)
    .join('/')
const isOfNode = (given: string) => given.startsWith('node:') || builtinModules.includes(given)
const target = (from: string, given: string) => posix.join(posix.dirname(from), given).replace(/\.js$/, '.ts')

/** Each import of src as a sentence where it breaks the table. */
function brokenBy(file: SourceFile): string[] {
  const { path } = file
  const room = roomOf(path)
  const rule = rooms[room]
  if (rule === undefined) return isBarrel(path) ? [] : [`${path} lies in no room of the table`]
  return importsOf(file).flatMap(given => {
    if (isOfNode(given)) return []
    if (given.startsWith('.')) {
      const to = target(path, given)
      const isAllowed = roomOf(to) === room || rule.rooms.includes(roomOf(to)) || rule.rooms.includes(to.slice('src/'.length))
      return isAllowed ? [] : [`${path} may not import ${to}`]
    }
    const name = packageOf(given)
    const home = packagesOfDrivers[name]
    if (home !== undefined) return path.startsWith(home) ? [] : [`${path} imports ${name}, which only ${home} may`]
    return rule.packages.includes(name) ? [] : [`${path} imports the package ${name}, which is not in the table for ${room}`]
  })
}

describe('the rooms of src', () => {
  it('import only what the table allows', () => {
    expect(files.flatMap(brokenBy)).toEqual([])
  })

  it('give out nothing of the command line, and the testing parts apart', () => {
    const given = files.filter(({ path }) => path === 'src/index.ts').flatMap(importsOf)
    expect(given.filter(path => /^\.\/(cli|testing)\//.test(path))).toEqual([])
  })

  it('have no import that goes around in a circle', () => {
    const imports = new Map(
      files.map(file => [
        file.path,
        importsOf(file)
          .filter(given => given.startsWith('.'))
          .map(given => target(file.path, given)),
      ]),
    )
    expect(circles(imports)).toEqual([])
  })

  it('hold only files that are there', () => {
    const paths = new Set(files.map(({ path }) => path))
    const missing = files.flatMap(file =>
      importsOf(file)
        .filter(given => given.startsWith('.') && !paths.has(target(file.path, given)))
        .map(given => `${file.path} → ${given}`),
    )
    expect(missing).toEqual([])
  })
})

describe('a file of src', () => {
  it('is named by its idea in kebab-case, not utils, common, helpers or types', () => {
    const names = files
      .map(({ path }) => path)
      .filter(path => {
        const name = posix.basename(path, '.ts')
        return !/^[a-z0-9]+(-[a-z0-9]+)*(\.main)?$/.test(name) || /^(utils?|common|helpers?|types|misc|manager|data)$/.test(name)
      })
    expect(names).toEqual([])
  })

  it('is no barrel, but for the three', () => {
    const again = files.filter(file => !isBarrel(file.path) && /^export\s*(\*|(type\s*)?\{[^}]*\}\s*from)/m.test(codeOf(file.text)))
    expect(again.map(({ path }) => path)).toEqual([])
  })

  it('has no default export, but for pipelines and configuration', () => {
    const found = files.filter(({ path, text }) => !path.startsWith('src/pipelines/') && /^export default /m.test(codeOf(text)))
    expect(found.map(({ path }) => path)).toEqual([])
  })

  it('says of each exported name what it is', () => {
    const silent = files.flatMap(file => {
      const lines = file.text.split('\n')
      return exportsOf(file)
        .filter(({ line }) => !lines[line - 1]?.trimEnd().endsWith('*/'))
        .map(({ name, line }) => `${file.path}:${line + 1} ${name}`)
    })
    expect(silent).toEqual([])
  })

  it('takes time from the clock, outside of core/clock.ts, the drivers, the formats and what runs pipelines', () => {
    const free = /^src\/(core\/clock\.ts|drivers\/|formats\/|pipelines\/|cli\/|testing\/)/
    const found = files.filter(({ path, text }) => !free.test(path) && /\b(Date\.now|setTimeout|setInterval)\(/.test(codeOf(text)))
    expect(found.map(({ path }) => path)).toEqual([])
  })

  it('reads neither arguments nor environment, outside of pipelines and the command line', () => {
    const found = files.filter(({ path, text }) => !/^src\/(pipelines|cli)\//.test(path) && /\bprocess\.(argv|env)\b/.test(codeOf(text)))
    expect(found.map(({ path }) => path)).toEqual([])
  })

  it('has no work left in it', () => {
    const marks = /\b(TODO|FIXME|XXX)\b|@ts-ignore|@ts-nocheck/
    expect(files.filter(({ text }) => marks.test(text)).map(({ path }) => path)).toEqual([])
  })
})

/** Each circle once, as the paths on it; found by walking down from every file. */
function circles(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>()
  const found: string[] = []
  const walk = (path: string, above: readonly string[]): void => {
    const at = above.indexOf(path)
    if (at >= 0) found.push([...above.slice(at), path].join(' → '))
    if (at >= 0 || done.has(path)) return
    for (const next of imports.get(path) ?? []) walk(next, [...above, path])
    done.add(path)
  }
  for (const path of imports.keys()) walk(path, [])
  return found
}

// Not a rule, a place to look: a file this long may hold more than one idea.
const long = files.filter(({ text }) => text.split('\n').length > 260).map(({ path, text }) => `${path} (${text.split('\n').length} lines)`)
if (long.length > 0) console.log(`long files: ${long.join(', ')}`)
