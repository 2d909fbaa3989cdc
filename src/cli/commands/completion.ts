import { Argument, type Command } from 'commander'
import type { Frame } from '../frame.js'

/** `millrace completion <shell>`: what makes a shell complete the command. */
export function registerCompletion(program: Command, frame: Frame): void {
  program
    .command('completion')
    .summary('print what makes a shell complete this command')
    .description('Prints what makes a shell complete this command: its commands, options, values, and the pipelines of the config.')
    .addArgument(
      new Argument('<shell>', 'your shell; names prints the pipelines of the config, for these').choices(['bash', 'zsh', 'fish', 'names']),
    )
    .addHelpText('after', howTo)
    .action(async (shell: 'bash' | 'zsh' | 'fish' | 'names') => {
      const { printCompletion, printNames } = await import('../completion/print-completion.js')
      if (shell === 'names') await printNames(frame)
      else printCompletion(frame, program, shell)
    })
}

const howTo = `
  bash   eval "$(millrace completion bash)" in ~/.bashrc
  zsh    source <(millrace completion zsh) in ~/.zshrc, after compinit
  fish   millrace completion fish > ~/.config/fish/completions/millrace.fish
`
