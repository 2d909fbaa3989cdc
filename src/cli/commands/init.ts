import { type Command, Option } from 'commander'
import type { Frame } from '../frame.js'

/** `millrace init`: writes a small project that works. */
export function registerInit(program: Command, frame: Frame): void {
  program
    .command('init')
    .summary('write a small project that works, to begin with')
    .description(
      'Writes a small project: a config, a schema, a function with its test, data. It runs as it is. Nothing that is there is overwritten.',
    )
    .argument('[directory]', 'where; made where it is not there', '.')
    .addOption(new Option('-t, --template <name>', 'what it reads from').choices(['files', 'kafka']).default('files'))
    .addHelpText('after', '\nExamples:\n  millrace init signups\n  millrace init signups --template kafka\n')
    .action(async (directory: string, { template }: { readonly template: 'files' | 'kafka' }) => {
      const { writeProject } = await import('../init/write-project.js')
      await writeProject(frame, directory, template)
    })
}
