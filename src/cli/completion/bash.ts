import { type CommandNode, flagsWithValue, type Values } from './command-tree.js'

/** What bash evaluates to complete the command. */
export function bashCompletion(nodes: readonly CommandNode[]): string {
  return `# Completion of millrace for bash: eval "$(millrace completion bash)"
_millrace() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path= config= skip= word i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ -n $skip ]]; then
      [[ $skip = config ]] && config=$word
      skip=
      continue
    fi
    case $word in
      -c|--config) skip=config ;;
      ${flagsWithValue(nodes)
        .filter(flag => flag !== '-c' && flag !== '--config')
        .join('|')}) skip=value ;;
      -*) ;;
      *) case "$path $word" in
${nodes
  .flatMap(({ path, commands }) =>
    commands.map(({ name }) => `        '${path} ${name}') path='${path === '' ? name : `${path} ${name}`}' ;;`),
  )
  .join('\n')}
      esac ;;
    esac
  done
  case "$path:$prev" in
${nodes
  .flatMap(({ path, options }) =>
    options.flatMap(({ flags, values }) =>
      values === null ? [] : flags.map(flag => `    '${path}:${flag}') ${replyWith(values)}; return ;;`),
    ),
  )
  .join('\n')}
  esac
  case $path in
${nodes
  .map(
    ({ path, commands, options, values }) => `    '${path}')
      if [[ $cur = -* ]]; then
        COMPREPLY=($(compgen -W '${options.flatMap(({ flags }) => flags).join(' ')}' -- "$cur"))
      else
        ${commands.length > 0 ? `COMPREPLY=($(compgen -W '${commands.map(({ name }) => name).join(' ')}' -- "$cur"))` : replyWith(values)}
      fi ;;`,
  )
  .join('\n')}
  esac
}
complete -F _millrace millrace
`
}

function replyWith(values: Values): string {
  switch (values.kind) {
    case 'words':
      return `COMPREPLY=($(compgen -W '${values.words.join(' ')}' -- "$cur"))`
    case 'files':
      return `compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur"))`
    case 'pipelines':
      return `COMPREPLY=($(compgen -W "$("\${COMP_WORDS[0]}" \${config:+-c "$config"} completion names 2>/dev/null)" -- "$cur"))`
    case 'any':
      return ':'
  }
}
