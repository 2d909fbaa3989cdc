import { Command, CommanderError } from 'commander'
import { version } from '../core/version.js'
import type { CommandFrame } from './command-frame.js'
import { registerCheck } from './commands/check.js'
import { registerCompletion } from './commands/completion.js'
import { registerDoctor } from './commands/doctor.js'
import { registerExplain } from './commands/explain.js'
import { registerHelp } from './commands/help.js'
import { registerInit } from './commands/init.js'
import { registerLedger } from './commands/ledger.js'
import { registerPrintConfig } from './commands/print-config.js'
import { registerQuarantine } from './commands/quarantine.js'
import { registerRun } from './commands/run.js'
import { exitStatus, statusOf } from './exit-status.js'
import type { Frame } from './frame.js'

/** Each command puts itself into the program. What it needs it loads in its action, so that `--help` and `--version` stay quick. */
const registered: readonly ((program: Command, frame: Frame) => void)[] = [
  registerInit,
  registerRun,
  registerCheck,
  registerPrintConfig,
  registerDoctor,
  registerExplain,
  registerQuarantine,
  registerLedger,
  registerCompletion,
]

/**
 * Runs one command line.
 *
 * @param args - Without the program's own name.
 * @returns The exit status.
 */
export async function runCommand(args: readonly string[], frame: CommandFrame): Promise<number> {
  try {
    await makeProgram(frame).parseAsync(args, { from: 'user' })
    return frame.status
  } catch (error) {
    // Help and version end so too, with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitStatus.done : exitStatus.usage
    return fail(error, frame)
  }
}

/** Shows what a command ended with. */
export async function fail(error: unknown, frame: CommandFrame): Promise<number> {
  const [{ showError }] = await Promise.all([import('./show-error.js'), frame.beReadyToHide()])
  await showError(frame, error)
  return statusOf(error)
}

/** The tree of all commands. */
export function makeProgram(frame: CommandFrame): Command {
  const program = new Command('millrace')
    .description('Runs, watches and repairs record pipelines.')
    .version(version, '-V, --version', 'print the version')
    .option('-c, --config <path>', 'the config (default: the first millrace.config.{ts,js,json,toml,yaml} from here upward)')
    .on('option:config', (path: string) => {
      frame.configPath = path
    })
    .showHelpAfterError('(--help shows what there is)')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: text => frame.stdout.write(text), writeErr: text => frame.stderr.write(text) })
    .exitOverride()
    .addHelpText('after', closing)
  for (const register of registered) register(program, frame)
  registerHelp(program)
  return program
}

const closing = `
Examples:
  millrace check                    is the config right? nothing is connected
  millrace run                      run all its pipelines, until Ctrl-C
  millrace run signups --drain      run one until all that is there is settled
  millrace -c jobs/nightly.yaml run --drain --json

Exit status: 0 done, 1 failed, 2 wrong use, 69 a service is away, 75 locked, 77 not allowed, 78 wrong config, 130/143 aborted.
More: docs/operations.md, docs/config.md, docs/errors.md of the package.
`
