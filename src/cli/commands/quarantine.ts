import type { Command } from 'commander'
import type { Frame } from '../frame.js'
import type { ReplayFlags } from '../quarantine/replay-selected.js'
import type { SelectionOptions } from '../quarantine/selection.js'

/** `millrace quarantine …`: what failed, to be looked at, repaired, and sent through again. */
export function registerQuarantine(program: Command, frame: Frame): void {
  const group = program
    .command('quarantine')
    .summary('look at the records that failed, replay or drop them')
    .description('Lists, shows, replays, drops, exports and imports the records that failed.')
    .addHelpText('after', examples)

  selecting(group.command('list'), 'how many at most (default: 50)')
    .description('Lists entries, the oldest first.')
    .argument('[pipeline]', 'as --pipeline')
    .option('--json', 'print one line of JSON for each')
    .action(async (pipeline: string | undefined, options: SelectionOptions & { readonly json?: true }) => {
      const { listEntries } = await import('../quarantine/list-entries.js')
      await listEntries(frame, { ...options, ...(pipeline !== undefined && { pipeline }) })
    })

  group
    .command('show')
    .description(
      'Shows entries: the bytes readably, the error with its causes, attempts, origin and headers, and the place that the error names.',
    )
    .argument('<id...>', 'ids of entries, or beginnings of ids')
    .option('--pipeline <name>', 'only of this pipeline')
    .option('--raw', 'print the bytes as they are, and nothing else')
    .option('--json', 'print one line of JSON for each, as export does')
    .action(async (ids: string[], options: { readonly pipeline?: string; readonly raw?: true; readonly json?: true }) => {
      const { showEntries } = await import('../quarantine/show-entries.js')
      await showEntries(frame, ids, options)
    })

  selecting(group.command('replay'))
    .description(
      'Sends entries through their pipeline again. Each leaves quarantine when its record is settled; one that fails again stays.',
    )
    .argument('[id...]', 'ids of entries, or beginnings of ids (default: all that the filters select)')
    .option('--dry-run', 'say what would be replayed, and replay nothing')
    .option('--steps', 'with --dry-run: run the steps, and write nothing; what handlers do elsewhere, they do')
    .option('--edit', 'change the text of one entry in $VISUAL or $EDITOR before')
    .option('--json', 'print the outcome as one line of JSON')
    .action(async (ids: string[], options: ReplayFlags) => {
      const { replaySelected } = await import('../quarantine/replay-selected.js')
      await replaySelected(frame, ids, options)
    })

  selecting(group.command('drop'))
    .description('Takes entries out for good. Asks before.')
    .argument('[id...]', 'ids of entries, or beginnings of ids (default: all that the filters select)')
    .option('--yes', 'do not ask')
    .action(async (ids: string[], options: SelectionOptions & { readonly yes?: true }) => {
      const { dropSelected } = await import('../quarantine/drop-selected.js')
      await dropSelected(frame, ids, options)
    })

  selecting(group.command('export'))
    .description('Writes entries as lines of JSON, all of each; bytes are base64. They stay in quarantine.')
    .option('-o, --output <path>', 'the file to write (default: stdout)')
    .action(async (options: SelectionOptions & { readonly output?: string }) => {
      const { exportEntries } = await import('../quarantine/export-entries.js')
      await exportEntries(frame, options)
    })

  group
    .command('import')
    .description('Takes in what export has written, each entry into the quarantine of its pipeline. The same record twice is one entry.')
    .argument('[path]', 'the file to read (default: stdin)')
    .option('--pipeline <name>', 'only entries of this pipeline')
    .action(async (path: string | undefined, options: { readonly pipeline?: string }) => {
      const { importEntries } = await import('../quarantine/import-entries.js')
      await importEntries(frame, path, options)
    })
}

/** The filters by which entries are chosen. */
function selecting(command: Command, limit = 'how many at most'): Command {
  return command
    .option('--pipeline <name>', 'only of this pipeline')
    .option('--stage <stage>', 'only what failed in this step: decode, validate, handle, write, …')
    .option('--code <code>', 'only errors of this code')
    .option('--since <moment>', 'only what was quarantined then or later: 2026-01-31T12:00Z, or 30m, 2h, 7d ago')
    .option('--until <moment>', 'only what was quarantined before then')
    .option('--text <text>', 'only errors that say so, in any case')
    .option('--limit <n>', limit)
}

const examples = `
Examples:
  millrace quarantine list --stage validate --since 2h
  millrace quarantine show 17
  millrace quarantine replay --code MILL_DATABASE_REFUSED --dry-run
  millrace quarantine replay 17 --edit
  millrace quarantine export -o failed.ndjson
`
