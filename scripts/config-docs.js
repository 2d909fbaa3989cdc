// Writes what is made of the schema of the config: dist/config.schema.json, and the lower part of docs/config.md. The build calls it.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where the written part of the page ends. */
const mark = '<!-- From here on made from the schema by scripts/config-docs.js: the build writes it. -->'

/** Writes both, by what was built in dist. */
export async function writeConfigDocs(root) {
  const { configSchema } = await import(new URL('../dist/config/config-schema.js', import.meta.url).href)
  const { kinds } = await import(new URL('../dist/pipelines/kinds.js', import.meta.url).href)
  const schema = configSchema(kinds)
  writeFileSync(join(root, 'dist/config.schema.json'), `${JSON.stringify(schema, null, 2)}\n`)
  const page = join(root, 'docs/config.md')
  const before = readFileSync(page, 'utf8')
  const after = withReference(before, schema)
  if (after !== before) writeFileSync(page, after)
}

/** The page with its lower part made anew. */
export function withReference(page, schema) {
  const [written] = page.split(mark)
  return `${written.trimEnd()}\n\n${mark}\n\n${reference(schema)}`
}

function reference(schema) {
  const { definitions, properties } = schema
  const { pipeline: _, module: ofModule, ...kinds } = definitions
  const common = Object.keys(Object.values(kinds)[0].properties).filter(
    key => key !== 'use' && new Set(Object.values(kinds).map(kind => JSON.stringify(kind.properties[key]))).size === 1,
  )
  const only = (of, names) => ({ ...of, properties: Object.fromEntries(Object.entries(of.properties).filter(([key]) => names(key))) })
  const sections = [
    ['Every key', 'A key that is not here is an error. Keys in **bold** must be given.', only(schema, () => true)],
    ...Object.entries(properties)
      .filter(([, of]) => of.properties)
      .map(([key, of]) => [`\`${key}\``, of.description, of]),
    ...Object.entries(kinds).map(([name, of]) => [
      `\`use: ${name}\``,
      `${of.description} Its other options are those of every ready-made pipeline, below.`,
      only(of, key => !common.includes(key)),
    ]),
    ['Of every ready-made pipeline into a table', '', only(Object.values(kinds)[0], key => common.includes(key))],
    ['A pipeline of a module', ofModule.description, ofModule],
  ]
  return sections
    .map(([title, text, of]) => `## ${title}\n\n${text === '' ? '' : `${text}\n\n`}${table(of, title !== 'Every key')}\n`)
    .join('\n')
}

/** A row for each key; those within objects with the path that leads there, where they have no section of their own. */
function table(of, isDeep) {
  return ['| key | type | default | meaning |', '|---|---|---|---|', ...rowsOf(of, '', true, isDeep)].join('\n')
}

function rowsOf(of, prefix, isNeeded, isDeep) {
  return Object.entries(of.properties ?? {}).flatMap(([key, property]) => {
    const path = `${prefix}${key}`
    const isRequired = isNeeded && (of.required ?? []).includes(key)
    const name = isRequired ? `**\`${path}\`**` : `\`${path}\``
    const fallback = 'default' in property && !(property.properties && JSON.stringify(property.default) === '{}')
    const row = `| ${[name, typeOf(property), fallback ? `\`${JSON.stringify(property.default)}\`` : '', property.description ?? ''].map(cell).join(' | ')} |`
    if (!isDeep) return [row]
    const each = property.additionalProperties?.properties
    return [
      row,
      ...rowsOf(property, `${path}.`, isRequired, true),
      ...(each ? rowsOf(property.additionalProperties, `${path}.<name>.`, false, true) : []),
    ]
  })
}

const cell = text => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

function typeOf(of) {
  if (of.const !== undefined) return `\`${of.const}\``
  if (of.enum) return of.enum.map(value => `\`${value}\``).join(', ')
  if (of.type === undefined) return 'any'
  return [of.type]
    .flat()
    .map(type => nameOf(type, of))
    .join(' or ')
}

function nameOf(type, of) {
  if (type === 'string') return 'text'
  if (type === 'array') return of.items?.type ? `list of ${typeOf(of.items)}s` : 'list'
  if (type === 'boolean') return 'true or false'
  if (type !== 'integer') return type
  const { minimum, maximum } = of
  return `whole number${minimum === undefined ? '' : maximum === undefined ? ` from ${minimum}` : ` from ${minimum} to ${maximum}`}`
}
