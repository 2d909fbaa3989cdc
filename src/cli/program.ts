import { Command, CommanderError } from 'commander'
import { version } from '../core/version.js'
import { exitStatus, statusOf } from './exit-status.js'
import { CommandFrame, type Frame, type World } from './frame.js'
import { showError } from './show-error.js'

/** Each command puts itself into the program. What it needs it loads in its action, so that `--help` and `--version` stay quick. */
const registered: readonly ((program: Command, frame: Frame) => void)[] = []

/**
 * Runs one command line.
 *
 * @param args - Without the program's own name.
 * @returns The exit status.
 */
export async function runCommand(args: readonly string[], world: World): Promise<number> {
  const frame = new CommandFrame(world)
  try {
    await makeProgram(frame).parseAsync(args, { from: 'user' })
    return frame.status
  } catch (error) {
    // Help and version end so too, with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitStatus.done : exitStatus.usage
    showError(frame, error)
    return statusOf(error)
  }
}

/** The tree of all commands. */
export function makeProgram(frame: CommandFrame): Command {
  const program = new Command('millrace')
    .description('Runs, watches and repairs record pipelines.')
    .version(version, '-V, --version', 'print the version')
    .option('-c, --config <path>', 'the config file (default: the first millrace.config.{ts,js,json,toml,yaml} upward from here)')
    .on('option:config', (path: string) => {
      frame.configPath = path
    })
    .showHelpAfterError('(--help shows what there is)')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: text => frame.stdout.write(text), writeErr: text => frame.stderr.write(text) })
    .exitOverride()
  for (const register of registered) register(program, frame)
  return program
}
