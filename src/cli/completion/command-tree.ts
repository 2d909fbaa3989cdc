import type { Argument, Command, Option } from 'commander'

/** What may stand at a place: one of some words, a file, a pipeline of the config, or anything. */
export type Values = { readonly kind: 'words'; readonly words: readonly string[] } | { readonly kind: 'files' | 'pipelines' | 'any' }

/** An option as a shell completes it. */
export interface OptionNode {
  /** `['-c', '--config']` */
  readonly flags: readonly string[]
  readonly description: string
  /** Null: it takes no value. */
  readonly values: Values | null
}

/** A command with what may follow it. */
export interface CommandNode {
  /** Without the program's name: `quarantine list`; `''` is the program itself. */
  readonly path: string
  readonly commands: readonly { readonly name: string; readonly description: string }[]
  /** Those of the program too, which stand anywhere. */
  readonly options: readonly OptionNode[]
  /** Of its arguments, all taken together. */
  readonly values: Values
}

/** A program's commands, each with what may follow it. */
export function commandNodes(program: Command): readonly CommandNode[] {
  const everywhere = program.options.filter(({ long }) => long !== '--version')
  const names = program.commands.map(command => command.name())
  const argumentValues = (argument: Argument): Values =>
    valuesOf(argument.name(), argument.name() === 'command' ? names : argument.argChoices, true)
  const nodes: CommandNode[] = []
  const visit = (command: Command, path: readonly string[]) => {
    const own = path.length === 0 ? command.options : [...command.options, ...everywhere]
    // Of a group, `--help` says the same, and the program's own knows them all.
    const subs = path.length === 0 ? command.commands : command.commands.filter(sub => sub.name() !== 'help')
    nodes.push({
      path: path.join(' '),
      commands: subs.map(sub => ({ name: sub.name(), description: sub.summary() || sub.description() })),
      options: [...own.map(optionNode), { flags: ['-h', '--help'], description: 'display help', values: null }],
      values: command.registeredArguments.map(argumentValues).find(({ kind }) => kind !== 'any') ?? { kind: 'any' },
    })
    for (const sub of subs) visit(sub, [...path, sub.name()])
  }
  visit(program, [])
  return nodes
}

/** The flags that are followed by a value, in any command. */
export function flagsWithValue(nodes: readonly CommandNode[]): string[] {
  return [...new Set(nodes.flatMap(({ options }) => options.flatMap(({ flags, values }) => (values === null ? [] : flags))))]
}

function optionNode(option: Option): OptionNode {
  const { short, long, description, argChoices } = option
  const takesValue = option.required || option.optional
  const [, name = ''] = /[<[]([\w-]+)/.exec(option.flags) ?? []
  return {
    flags: [short, long].filter(flag => flag !== undefined),
    description,
    values: takesValue ? valuesOf(long === '--pipeline' ? 'pipeline' : name, argChoices, false) : null,
  }
}

function valuesOf(name: string, choices: readonly string[] | undefined, isArgument: boolean): Values {
  if (choices !== undefined) return { kind: 'words', words: choices }
  if (name === 'path' || name === 'directory') return { kind: 'files' }
  return { kind: name === 'pipeline' || (name === 'name' && isArgument) ? 'pipelines' : 'any' }
}
