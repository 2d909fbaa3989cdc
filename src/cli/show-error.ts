import { readFile } from 'node:fs/promises'
import type { Problem } from '../config/config-error.js'
import { type ErrorReport, errorReport } from '../core/error-report.js'
import { memberOf } from '../core/member.js'
import { packageRoot } from '../core/package-files.js'
import type { Frame } from './frame.js'

/** Shows an error: what, its code, and each cause; then the way out of docs/errors.md. Of a config all problems, a line each. */
export async function showError(frame: Frame, error: unknown): Promise<void> {
  const problems = memberOf(error, 'problems')
  if (Array.isArray(problems)) return showProblems(frame, String(memberOf(error, 'file')), problems as readonly Problem[])
  await showReport(frame, 'millrace', errorReport(error))
}

/** Shows an error as it was kept, of a pipeline that failed. */
export async function showReport(frame: Frame, who: string, report: ErrorReport): Promise<void> {
  const lines: string[] = []
  for (let at: ErrorReport | undefined = report, depth = 0; at; at = at.cause, depth++) {
    // A cause that the message before it has told already says nothing new.
    const message = frame.hide(at.message)
    const isTold = depth > 0 && at.code === undefined && lines.at(-1)!.includes(message)
    if (!isTold) lines.push(`${depth === 0 ? `${who}: ` : '  because: '}${message}${at.code ? ` [${at.code}]` : ''}`)
  }
  const wayOut = report.code === undefined ? null : await wayOutOf(report.code)
  if (wayOut !== null) lines.push(`  what to do: ${wayOut}`)
  frame.complain(...lines)
}

/** Shows what is wrong in a config. */
export function showProblems(frame: Frame, file: string, problems: readonly Problem[]): void {
  frame.complain(`${file}: ${problems.length === 1 ? 'one problem' : `${problems.length} problems`} [MILL_CONFIG_INVALID]`)
  for (const { path, expected, given, suggestion } of problems) {
    frame.complain(`  ${path === '' ? 'the config' : path}`, `    expected ${expected}`, `    got ${given}`)
    if (suggestion !== undefined) frame.complain(`    did you mean ${suggestion}?`)
  }
}

/** What docs/errors.md, which is in the package, says is to be done. */
async function wayOutOf(code: string): Promise<string | null> {
  if (!/^MILL_\w+$/.test(code)) return null
  try {
    const page = await readFile(new URL('docs/errors.md', packageRoot), 'utf8')
    const section = page.split(/^## /m).find(text => text.startsWith(`${code}\n`))
    const [, text] = /^What to do: ([\s\S]*?)(?:\n\n|\n?$)/m.exec(section ?? '') ?? []
    return text === undefined ? null : text.replaceAll('\n', ' ').trim()
  } catch {
    return null
  }
}
