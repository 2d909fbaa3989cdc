import type { Command } from 'commander'
import type { Frame } from '../frame.js'

/** `millrace ledger …`: which positions a sink's database covers. */
export function registerLedger(program: Command, frame: Frame): void {
  const group = program
    .command('ledger')
    .summary('show what is covered, or forget it')
    .description('Shows which positions the ledger of a sink covers, or forgets them, so that their records come again.')
    .addHelpText('after', '\nExamples:\n  millrace ledger show\n  millrace ledger reset signups --source files --partition in/a.ndjson\n')

  group
    .command('show')
    .description('Shows by partition what is covered, where reading goes on, and who owns it.')
    .argument('[name...]', 'only these pipelines')
    .option('--source <name>', 'only partitions of this source')
    .option('--partition <name>', 'only this partition')
    .option('--json', 'print it as one line of JSON')
    .action(async (names: string[], options: { readonly source?: string; readonly partition?: string; readonly json?: true }) => {
      const { showLedger } = await import('../ledger/show-ledger.js')
      await showLedger(frame, names, options)
    })

  group
    .command('reset')
    .description('Forgets what is covered. Whatever the source still has of it is read and written again. Asks before.')
    .argument('<name>', 'the pipeline')
    .option('--source <name>', 'only partitions of this source')
    .option('--partition <name>', 'only this partition')
    .option('--yes', 'do not ask')
    .option('--force', 'also while an owner is at work: it is fenced, and its run ends')
    .action(
      async (
        name: string,
        options: { readonly source?: string; readonly partition?: string; readonly yes?: true; readonly force?: true },
      ) => {
        const { resetLedger } = await import('../ledger/reset-ledger.js')
        await resetLedger(frame, name, options)
      },
    )
}
