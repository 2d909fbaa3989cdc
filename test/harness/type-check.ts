import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { root } from './source-files.js'

const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')

/** What the compiler says; `where` is relative to the project. */
export interface TypeProblem {
  readonly file: string
  readonly line: number
  readonly code: string
  /** The first line of the message. */
  readonly message: string
  /** The lines beneath it, which say why. */
  readonly reasons: readonly string[]
}

/** Runs the project's TypeScript compiler on a tsconfig file. */
export async function typeCheck(config: string): Promise<TypeProblem[]> {
  const output = await new Promise<string>((resolve, reject) => {
    const settings = { cwd: root, maxBuffer: 64 * 1024 * 1024 }
    execFile(process.execPath, [compiler, '-p', config, '--pretty', 'false'], settings, (error, stdout, stderr) => {
      // tsc exits with 1 or 2 where there are type errors: only what it did not print is a failure of its own.
      if (error && stdout === '') reject(new Error(stderr || error.message, { cause: error }))
      else resolve(stdout)
    })
  })
  return problemsIn(output)
}

function problemsIn(output: string): TypeProblem[] {
  const problems: { file: string; line: number; code: string; message: string; reasons: string[] }[] = []
  for (const text of output.split('\n')) {
    const head = /^(.+?)\((\d+),\d+\): error (TS\d+): (.*)$/.exec(text)
    if (head) problems.push({ file: head[1]!, line: Number(head[2]), code: head[3]!, message: head[4]!, reasons: [] })
    else if (/^error TS\d+/.test(text)) problems.push({ file: '', line: 0, code: text.slice(6, 13), message: text, reasons: [] })
    else if (text.trim() !== '') problems.at(-1)?.reasons.push(text.trim())
  }
  return problems
}
