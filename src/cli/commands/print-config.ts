import type { Command } from 'commander'
import type { Frame } from '../frame.js'

/** `millrace print-config`: the config as it is used, with its secrets hidden. */
export function registerPrintConfig(program: Command, frame: Frame): void {
  program
    .command('print-config')
    .summary('print the config as it is used, secrets hidden')
    .description(
      'Prints the config as it is used: with its defaults, and with the values of variables and files in it. Secrets are hidden. Connects to nothing.',
    )
    .argument('[name...]', 'only these pipelines')
    .option('--json', 'print JSON (default: YAML)')
    .option('--yaml', 'print YAML')
    .addHelpText('after', '\nExamples:\n  millrace print-config\n  millrace print-config signups --json\n')
    .action(async (names: string[], options: { readonly json?: true; readonly yaml?: true }) => {
      const { printConfig } = await import('../print-config.js')
      await printConfig(frame, names, options)
    })
}
