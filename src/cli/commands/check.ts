import type { Command } from 'commander'
import type { Frame } from '../frame.js'

/** `millrace check`: all that is wrong in the config, at once; nothing is connected. */
export function registerCheck(program: Command, frame: Frame): void {
  program
    .command('check')
    .summary('say all that is wrong in the config; connects to nothing')
    .description(
      'Reads the config, makes its pipelines, and says all that is wrong: where, what is expected, what is given. Connects to nothing.',
    )
    .argument('[name...]', 'only these pipelines')
    .option('--json', 'print the outcome as one line of JSON')
    .addHelpText('after', '\nExamples:\n  millrace check\n  millrace check signups --json\n')
    .action(async (names: string[], options: { readonly json?: true }) => {
      const { checkConfig } = await import('../check-config.js')
      await checkConfig(frame, names, { isJson: options.json === true })
    })
}
