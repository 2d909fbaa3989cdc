import type { Command } from 'commander'

/**
 * `millrace help …`, and `help` of each group of commands. In the place of commander's own, which looks at the first name alone, and passes over one
 * that it does not know without a word.
 */
export function registerHelp(program: Command): void {
  for (const group of [program, ...program.commands.filter(isGroup)]) {
    group
      .helpCommand(false)
      .command('help')
      .description('display help for command')
      .argument('[command...]')
      .action((names: string[]) => showHelp(group, names))
  }
}

const isGroup = ({ commands }: Command): boolean => commands.length > 0

async function showHelp(group: Command, names: readonly string[]): Promise<void> {
  let command = group
  for (const name of names) {
    if (!isGroup(command)) break
    const found = command.commands.find(sub => sub.name() === name)
    // A name that is unknown is refused, with what it may have meant, before anything is done.
    if (found === undefined) return void (await group.parseAsync(names, { from: 'user' }))
    command = found
  }
  command.help()
}
