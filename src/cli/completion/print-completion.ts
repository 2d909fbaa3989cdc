import type { Command } from 'commander'
import type { Frame } from '../frame.js'
import { bashCompletion } from './bash.js'
import { commandNodes } from './command-tree.js'
import { fishCompletion } from './fish.js'
import { zshCompletion } from './zsh.js'

const shells = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const

/** Prints what makes a shell complete the program. */
export function printCompletion(frame: Frame, program: Command, shell: keyof typeof shells): void {
  frame.print(shells[shell](commandNodes(program)))
}

/** The names of the config's pipelines, a line each; none where there is no config, or a wrong one. */
export async function printNames(frame: Frame): Promise<void> {
  const { readConfig } = await import('../../config/read-config.js')
  try {
    const raw = (await readConfig(await frame.findConfig())) as { readonly pipelines?: object } | null
    for (const name of Object.keys(raw?.pipelines ?? {})) frame.print(`${name}\n`)
  } catch {
    // A shell that completes has no place for errors; `check` tells them.
  }
}
