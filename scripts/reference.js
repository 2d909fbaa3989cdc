// Writes docs/reference.md from the declarations in dist and their docstrings: each public name of `millrace`, `millrace/monitoring` and `millrace/testing`.
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const page = join(root, 'docs/reference.md')

const rooms = {
  runtime: 'Pipelines and runs',
  replay: 'Replay',
  pipelines: 'Ready-made pipelines',
  config: 'Configuration',
  sources: 'Sources',
  operators: 'Operators',
  policies: 'Policies',
  sinks: 'Sinks',
  tables: 'Tables',
  drivers: 'Databases',
  stores: 'Quarantine and positions',
  core: 'Contracts',
}

/** The exports of an entry: name, and the file that declares it. */
function exportsOf(entry) {
  const text = readFileSync(join(root, 'src', entry), 'utf8')
  const found = []
  for (const [, names, file] of text.matchAll(/export\s+(?:type\s+)?\{([^}]*)\}\s+from\s+'([^']+)'/g)) {
    for (const name of names.split(',').map(name => name.trim().replace(/^type\s+/, ''))) {
      if (name !== '') found.push({ name, file: join(dirname(entry), file).replace(/\.js$/, '') })
    }
  }
  return found
}

/** Each declaration of a name (a function may have several), with the docstring before it. */
function declarationsOf({ name, file }) {
  const text = readFileSync(join(root, 'dist', `${file}.d.ts`), 'utf8')
  const start = new RegExp(
    `^export (?:declare )?(?:abstract )?(?:function|class|interface|type|const) ${name.replace('$', '\\$')}\\b`,
    'gm',
  )
  return [...text.matchAll(start)].map(({ index }) => {
    const before = text.slice(0, index)
    const doc = /\/\*\*(?:(?!\*\/)[\s\S])*\*\/\s*$/.exec(before)?.[0] ?? ''
    return { doc: plain(doc), code: text.slice(index, endOf(text, index)).replace(/^export (declare )?/, '') }
  })
}

/** Where a declaration ends: at the semicolon or the closing brace outside of all brackets. */
function endOf(text, from) {
  let depth = 0
  for (let i = from; i < text.length; i++) {
    const character = text[i]
    if (text.startsWith('/*', i)) i = text.indexOf('*/', i) + 1
    else if ('([{'.includes(character)) depth++
    else if (')]}'.includes(character)) {
      depth--
      if (depth === 0 && character === '}' && /^(?:\r?\n|$)/.test(text.slice(i + 1, i + 3))) return i + 1
    } else if (character === ';' && depth === 0) return i
  }
  return text.length
}

/** A docstring as Markdown. */
function plain(doc) {
  const lines = doc
    .trim()
    .replace(/^\/\*\*|\*\/$/g, '')
    .split('\n')
    .map(line => line.replace(/^\s*\* ?/, '').trimEnd())
  return lines
    .join('\n')
    .trim()
    .replace(/\{@link (\w+)\}/g, '`$1`')
    .replace(/^@param ([\w.]+) - /gm, '- `$1`: ')
    .replace(/^@returns /gm, 'Gives: ')
    .replace(/^@throws \{(\w+)\} /gm, 'Throws `$1` ')
    .replace(/^@see /gm, '\nSee ')
    .replace(/```ts/g, '```ts sketch')
}

function sectionOf(entry) {
  const declarations = declarationsOf(entry)
  if (declarations.length === 0) throw new Error(`no declaration of ${entry.name} in dist/${entry.file}.d.ts`)
  const doc = declarations.map(({ doc }) => doc).find(doc => doc !== '') ?? ''
  if (doc === '') throw new Error(`${entry.name} of src/${entry.file}.ts has no docstring`)
  const code = declarations.map(({ code }) => code).join('\n')
  return `### ${entry.name}\n\n${doc}\n\n\`\`\`ts sketch\n${code}\n\`\`\`\n`
}

let text = `# Reference

Every name that \`millrace\`, \`millrace/monitoring\` and \`millrace/testing\` give out, from their docstrings (the build writes this page).\n`
const given = exportsOf('index.ts')
for (const [room, title] of Object.entries(rooms)) {
  const names = given.filter(({ file }) => file.split('/')[0] === room)
  if (names.length > 0) text += `\n## ${title}\n\n${names.map(sectionOf).join('\n')}`
}
const left = given.filter(({ file }) => !(file.split('/')[0] in rooms))
if (left.length > 0) throw new Error(`no heading for the room of ${left.map(({ file }) => file).join(', ')}`)
text += `\n## To watch with: millrace/monitoring\n\n${exportsOf('monitoring/index.ts').map(sectionOf).join('\n')}`
text += `\n## To test with: millrace/testing\n\n${exportsOf('testing/index.ts').map(sectionOf).join('\n')}`

writeFileSync(page, text)
