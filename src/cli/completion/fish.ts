import { type CommandNode, flagsWithValue, type Values } from './command-tree.js'

/** What fish evaluates to complete the command. */
export function fishCompletion(nodes: readonly CommandNode[]): string {
  const lines = nodes.flatMap(({ path, commands, options, values }) => {
    const at = `-n ${quoted(`test "$(__millrace_path)" = "${path === '' ? '.' : path}"`)}`
    return [
      ...commands.map(({ name, description }) => `complete -c millrace ${at} -a ${quoted(name)} -d ${quoted(description)}`),
      ...(commands.length === 0 && values.kind !== 'any' ? [`complete -c millrace ${at} ${offering(values)}`] : []),
      ...options.map(({ flags, description, values }) => {
        const names = flags.map(flag => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`)).join(' ')
        const value =
          values === null ? '' : ` ${values.kind === 'any' ? '-x' : values.kind === 'files' ? '-r -F' : `-x ${offering(values)}`}`
        return `complete -c millrace ${at} ${names}${value} -d ${quoted(description)}`
      }),
    ]
  })
  return `# Completion of millrace for fish: millrace completion fish > ~/.config/fish/completions/millrace.fish
# The command that is being written, without its options: 'quarantine list', or '.' while there is none.
function __millrace_path
  set -l path
  set -l skip 0
  for word in (commandline -opc)[2..-1]
    if test $skip = 1
      set skip 0
      continue
    end
    switch $word
      case ${flagsWithValue(nodes).join(' ')}
        set skip 1
      case '-*'
      case '*'
        switch "$path $word"
          case ${nodes.flatMap(({ path, commands }) => commands.map(({ name }) => quoted(`${path} ${name}`))).join(' ')}
            set path (string trim -- "$path $word")
        end
    end
  end
  test -n "$path"; and echo $path; or echo .
end
complete -c millrace -f
${lines.join('\n')}
`
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

function offering(values: Values): string {
  switch (values.kind) {
    case 'words':
      return `-a ${quoted(values.words.join(' '))}`
    case 'pipelines':
      return `-a ${quoted('(millrace completion names 2>/dev/null)')}`
    case 'files':
      return '-F'
    case 'any':
      return ''
  }
}
