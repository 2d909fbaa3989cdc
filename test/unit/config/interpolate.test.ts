import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Problem } from '../../../src/config/config-error.js'
import { interpolate } from '../../../src/config/interpolate.js'
import { definePipeline, memorySink, memorySource } from '../../../src/index.js'
import { directoryWith } from '../../harness/config-files.js'

const env = { HOST: 'db', PORT: '5432', EMPTY: '', DB_PASSWORD: 'hunter22', ODD: '${HOST}' }

async function interpolated(value: unknown, directory = '/nowhere') {
  const into = { env, directory, problems: [] as Problem[], secrets: new Set<string>(), whole: new Set<string>() }
  return { value: await interpolate(value, [], into), problems: into.problems, secrets: [...into.secrets], whole: [...into.whole] }
}

describe('interpolation', () => {
  it.each([
    ['${HOST}', 'db'],
    ['postgres://${HOST}:${PORT}/x', 'postgres://db:5432/x'],
    ['${NONE:-here}', 'here'],
    ['${NONE:-}', ''],
    ['${EMPTY:-filled}', 'filled'],
    ['${EMPTY}', ''],
    ['${HOST:-other}', 'db'],
    ['${NONE:-${HOST}:${NONE:-1}}', 'db:1'],
    ['${NONE:-{"a":{}}}', '{"a":{}}'],
    ['$${HOST}', '${HOST}'],
    ['a$${HOST}b${HOST}', 'a${HOST}bdb'],
    ['$HOST $ {HOST} }', '$HOST $ {HOST} }'],
    // Once: what a variable holds is not looked into.
    ['${ODD}', '${HOST}'],
  ])('%s gives %s', async (text, expected) => {
    expect(await interpolated(text)).toMatchObject({ value: expected, problems: [] })
  })

  it('reaches every text at any depth, and leaves the rest as it is', async () => {
    const date = new Date(0)
    const { value } = await interpolated({ a: [{ b: '${HOST}' }, 1, true, null, date], '${HOST}': '${PORT}' })
    expect(value).toEqual({ a: [{ b: 'db' }, 1, true, null, date], '${HOST}': '5432' })
  })

  it('does not look into what was made in code', async () => {
    const pipeline = definePipeline({
      name: 'p',
      source: memorySource([]),
      steps: records => records,
      sink: memorySink(),
      onFailure: 'halt',
    })
    expect((await interpolated({ pipeline })).value).toEqual({ pipeline })
    expect(((await interpolated({ pipeline })).value as { pipeline: unknown }).pipeline).toBe(pipeline)
  })

  it('keeps a __proto__ key an ordinary one', async () => {
    const { value } = await interpolated(JSON.parse('{"__proto__":{"polluted":"${HOST}"}}'))
    expect(JSON.stringify(value)).toBe('{"__proto__":{"polluted":"db"}}')
    expect((value as { polluted?: string }).polluted).toBeUndefined()
  })

  it('notes what is missing with its path, and goes on', async () => {
    const { value, problems } = await interpolated({ a: { b: ['x', '${NONE} and ${HOST}'] }, 'c.d': '${OTHER}', e: '${HOST}' })
    expect(problems).toEqual([
      { path: 'a.b[1]', expected: 'NONE in the environment, or a default: ${NONE:-…}', given: 'nothing' },
      { path: '["c.d"]', expected: 'OTHER in the environment, or a default: ${OTHER:-…}', given: 'nothing' },
    ])
    expect(value).toMatchObject({ e: 'db' })
  })

  it.each(['${', '${HOST', '${HOST:-{}', 'x${}', '${1A}', '${A B}', '${HOST-x}', '${toString}', '${__proto__}'])(
    'refuses %s',
    async text => {
      const { problems } = await interpolated({ key: text })
      expect(problems).toEqual([{ path: 'key', expected: expect.any(String), given: expect.any(String) }])
    },
  )

  it('takes files relative to the config, without their last line end, and as secrets', async () => {
    const directory = await directoryWith({
      'secrets/db': 'one two\n',
      'secrets/win': 'x\r\n',
      'secrets/lines': 'a\n\n',
      'secrets/none': '',
    })
    const { value, secrets } = await interpolated(
      ['${file:secrets/db}', '${file:./secrets/win}', '${file:secrets/lines}', '${file:secrets/none}', `\${file:${directory}/secrets/db}!`],
      directory,
    )
    expect(value).toEqual(['one two', 'x', 'a\n', '', 'one two!'])
    expect(secrets).toEqual(expect.arrayContaining(['one two', 'x', 'a\n']))
  })

  it('notes a file that cannot be read', async () => {
    const directory = await directoryWith({ 'a/b': '' })
    const { problems } = await interpolated({ x: '${file:none}', y: '${file:a}' }, directory)
    expect(problems).toMatchObject([
      { path: 'x', expected: 'a file that can be read: none', given: expect.stringContaining('ENOENT') },
      { path: 'y', expected: 'a file that can be read: a', given: expect.stringContaining('EISDIR') },
    ])
  })

  it('keeps for a secret what a variable with such a name holds, and for nothing the others', async () => {
    expect((await interpolated('postgres://u:${DB_PASSWORD}@${HOST}/x')).secrets).toEqual(['hunter22'])
  })

  it('notes which texts were one placeholder as a whole', async () => {
    const { whole } = await interpolated({ a: '${PORT}', b: ['${NONE:-1}', '1${PORT}', '${PORT}${PORT}', '$${PORT}'] })
    expect(whole).toEqual(['a', 'b[0]'])
  })

  it('changes no text without ${', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async value => {
        fc.pre(!JSON.stringify(value).includes('${'))
        expect((await interpolated(value)).value).toEqual(value)
      }),
    )
  })

  it('gives any text back that was escaped', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('$', '{', '}', 'A', ':-', '${', 'file:')), async parts => {
        const text = parts.join('')
        // A $ before $${ would be taken for the one that escapes.
        fc.pre(!text.includes('$${'))
        expect(await interpolated(text.replaceAll('${', () => '$${'))).toMatchObject({ value: text, problems: [] })
      }),
    )
  })
})
