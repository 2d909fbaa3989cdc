import type { Problem } from '../config/config-error.js'
import { memberOf } from '../core/member.js'
import { exitStatus } from './exit-status.js'
import type { Frame } from './frame.js'
import { showProblems } from './show-error.js'

/** Checks the config and says what was found; the status is 78 where something is wrong. */
export async function checkConfig(frame: Frame, names: readonly string[], { isJson }: { readonly isJson: boolean }): Promise<void> {
  try {
    const { file, names: found } = await frame.loadConfig(names.length === 0 ? {} : { only: names })
    if (isJson) frame.print(`${JSON.stringify({ file, pipelines: found, problems: [] })}\n`)
    else frame.print(`${file}: ${found.length === 1 ? 'one pipeline' : `${found.length} pipelines`} (${found.join(', ')}), no problem\n`)
  } catch (error) {
    const problems = memberOf(error, 'problems')
    if (!Array.isArray(problems)) throw error
    const file = String(memberOf(error, 'file'))
    if (isJson) frame.print(frame.hide(`${JSON.stringify({ file, problems })}\n`))
    else showProblems(frame, file, problems as readonly Problem[])
    frame.exit(exitStatus.config)
  }
}
