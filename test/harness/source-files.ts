import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The directory of the project. */
export const root = fileURLToPath(new URL('../../', import.meta.url))

/** A file of the project; `path` is relative to its root, with slashes. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** All files under a folder of the project whose name ends so. */
export function filesUnder(folder: string, ending: string): SourceFile[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith(ending))
    .map(name => fileAt(`${folder}/${name}`))
    .sort((a, b) => a.path.localeCompare(b.path))
}

export function fileAt(path: string): SourceFile {
  return { path, text: readFileSync(join(root, path), 'utf8') }
}

/** What git tracks, as paths; of an unpacked archive without git nothing. */
export function trackedPaths(): string[] {
  const output = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  return output.split('\0').filter(path => path !== '')
}

/** The same text with comments blanked and all line breaks kept. Strings and templates are left as they are. */
export function withoutComments(text: string): string {
  const token = /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g
  return text.replace(token, found => (found.startsWith('/') ? found.replace(/[^\n]/g, ' ') : found))
}

/** The same without what is between backquotes, too: the text of other files may stand there. */
export function codeOf(text: string): string {
  return withoutComments(text).replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`/g, found =>
    found.startsWith('`') ? found.replace(/[^\n]/g, ' ') : found,
  )
}

/** What a file imports or exports again, types included: the text in quotes. */
export function importsOf({ text }: SourceFile): string[] {
  const code = codeOf(text)
  const patterns = [/^\s*(?:import|export)\s[^'"`;]*?\bfrom\s*'([^']+)'/gm, /^\s*import\s*'([^']+)'/gm, /\bimport\(\s*'([^']+)'\s*\)/g]
  return patterns.flatMap(pattern => [...code.matchAll(pattern)].map(match => match[1]!))
}

/** An exported name with the line on which its export begins (from 0). */
export interface ExportedName {
  readonly name: string
  readonly kind: string
  readonly line: number
}

/** What a file itself declares and exports; of overloads the first. `export { … } from` is not among them. */
export function exportsOf({ text }: SourceFile): ExportedName[] {
  const lines = codeOf(text).split('\n')
  const found: ExportedName[] = []
  const declaration = /^export (?:declare )?(?:abstract )?(?:async )?(function\*?|class|interface|type|const|let|enum|namespace) (\w+)/
  for (const [line, code] of lines.entries()) {
    const match = declaration.exec(code)
    if (match && !found.some(({ name, kind }) => name === match[2] && kind === match[1]))
      found.push({ kind: match[1]!, name: match[2]!, line })
  }
  return found
}
