import { type CommandNode, flagsWithValue, type Values } from './command-tree.js'

/** What zsh evaluates to complete the command. */
export function zshCompletion(nodes: readonly CommandNode[]): string {
  return `#compdef millrace
# Completion of millrace for zsh: source <(millrace completion zsh)
_millrace() {
  local cur=\${words[CURRENT]} prev=\${words[CURRENT-1]} at= config= skip= word
  local -a found
  integer i
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
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
      *) case "$at $word" in
${nodes
  .flatMap(({ path, commands }) =>
    commands.map(({ name }) => `        ${quoted(`${path} ${name}`)}) at=${quoted(path === '' ? name : `${path} ${name}`)} ;;`),
  )
  .join('\n')}
      esac ;;
    esac
  done
  case "$at:$prev" in
${nodes
  .flatMap(({ path, options }) =>
    options.flatMap(({ flags, values }) =>
      values === null ? [] : flags.map(flag => `    ${quoted(`${path}:${flag}`)}) ${replyWith(values)}; return ;;`),
    ),
  )
  .join('\n')}
  esac
  case $at in
${nodes
  .map(
    ({ path, commands, options, values }) => `    ${quoted(path)})
      if [[ $cur = -* ]]; then
        found=(${options.flatMap(({ flags, description }) => flags.map(flag => described(flag, description))).join(' ')})
        _describe option found
      else
        ${
          commands.length > 0
            ? `found=(${commands.map(({ name, description }) => described(name, description)).join(' ')}); _describe command found`
            : replyWith(values)
        }
      fi ;;`,
  )
  .join('\n')}
  esac
}
compdef _millrace millrace
`
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
/** `name:what it is`, where a colon of its own is escaped. */
const described = (name: string, description: string): string => quoted(`${name.replaceAll(':', '\\:')}:${description}`)

function replyWith(values: Values): string {
  switch (values.kind) {
    case 'words':
      return `found=(${values.words.map(quoted).join(' ')}); _describe value found`
    case 'files':
      return '_files'
    case 'pipelines':
      return `found=(\${(f)"$(\${words[1]} \${config:+-c} \${config:+$config} completion names 2>/dev/null)"}); _describe pipeline found`
    case 'any':
      return ':'
  }
}
