import { redact } from '../config/redact.js'
import type { Frame } from './frame.js'
import { UsageError } from './usage-error.js'

/** Prints the resolved config without its secrets. Pipelines that were made in code are named. */
export async function printConfig(
  frame: Frame,
  names: readonly string[],
  { json, yaml }: { readonly json?: true; readonly yaml?: true },
): Promise<void> {
  if (json && yaml) throw new UsageError('--json or --yaml, not both')
  const { config, secrets } = await frame.loadConfig({ make: false, ...(names.length > 0 && { only: names }) })
  const pipelines = Object.fromEntries(
    Object.entries(config.pipelines).map(([name, pipeline]) => [
      name,
      typeof pipeline['start'] === 'function' ? '(made in code)' : pipeline,
    ]),
  )
  const shown = redact({ ...config, pipelines }, secrets)
  if (json) frame.print(`${JSON.stringify(shown, null, 2)}\n`)
  else {
    const { stringify } = await import('yaml')
    frame.print(stringify(shown))
  }
}
