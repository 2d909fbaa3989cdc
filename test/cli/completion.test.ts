import { execFile, spawnSync } from 'node:child_process'
import { chmod } from 'node:fs/promises'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { millrace, runMillrace } from '../harness/millrace-command.js'
import { projects } from '../harness/project.js'
import { memoryConfig } from './pipelines.js'

const run = promisify(execFile)
const project = projects()
const has = (shell: string) => spawnSync(shell, ['--version']).error === undefined
const scriptOf = async (shell: string) => (await runMillrace(['completion', shell])).out

describe('completion in bash', () => {
  let cwd = ''
  let script = ''
  beforeAll(async () => {
    cwd = await project({
      'millrace.config.js': memoryConfig(`signups: few('signups'), orders: few('orders')`),
      'other.json': '{"pipelines":{"third":{}}}',
    })
    script = await scriptOf('bash')
  })

  /** What a Tab behind the words offers. */
  async function offered(...words: string[]): Promise<string[]> {
    const program = `millrace() { ${JSON.stringify(process.execPath)} ${JSON.stringify(millrace)} "$@"; }
${script}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _millrace; printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout } = await run('bash', ['-c', program, 'bash', 'millrace', ...words], { cwd })
    return stdout.split('\n').filter(word => word !== '')
  }

  it.each<[string[], string[]]>([
    [['ru'], ['run']],
    [['quarantine', 'li'], ['list']],
    [['he'], ['help']],
    [['help', 'qu'], ['quarantine']],
    [
      ['ledger', ''],
      ['show', 'reset'],
    ],
    [
      ['run', '--'],
      ['--drain', '--json', '--workers', '--config', '--help'],
    ],
    [['-c', 'x', 'run', '--d'], ['--drain']],
    [
      ['init', '--template', ''],
      ['files', 'kafka'],
    ],
    [
      ['run', ''],
      ['signups', 'orders'],
    ],
    [['run', 'signups', 'o'], ['orders']],
    [['quarantine', 'list', '--pipeline', 's'], ['signups']],
    [['-c', 'other.json', 'run', ''], ['third']],
    [['--config', 'other'], ['other.json']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish', 'names'],
    ],
    [['run', '--workers', ''], []],
  ])('of %j is %j', async (words, expected) => {
    expect(await offered(...words)).toEqual(expected)
  })
})

/** Completion in a shell that may not be here: what a Tab behind the words offers. */
async function offeredIn(shell: 'zsh' | 'fish', words: readonly string[], cwd: string): Promise<string[]> {
  const bin = await project({ millrace: `#!/bin/sh\nexec '${process.execPath}' '${millrace}' "$@"\n` })
  await chmod(`${bin}/millrace`, 0o755)
  const script = await scriptOf(shell)
  const line = ['millrace', ...words]
  const program =
    shell === 'fish'
      ? `${script}\ncomplete -C '${line.join(' ')}'`
      : // What zsh itself would show: its own functions print what they are given.
        `compdef() {}; _describe() { print -l -- \${(P)2} }; _files() { print FILES }\n${script}\nwords=(${line.map(word => `'${word}'`).join(' ')}); CURRENT=${line.length}; _millrace`
  const { stdout } = await run(shell, [...(shell === 'zsh' ? ['-f'] : ['--no-config']), '-c', program], {
    cwd,
    env: { ...process.env, PATH: `${bin}:${process.env['PATH']}` },
  })
  return stdout
    .split('\n')
    .filter(found => found !== '')
    .map(found => found.split(shell === 'fish' ? '\t' : ':')[0]!)
}

describe.each(['zsh', 'fish'] as const)('completion in %s', shell => {
  it.each<[string[], string[]]>([
    [
      ['ledger', ''],
      ['reset', 'show'],
    ],
    [
      ['run', '--'],
      ['--config', '--drain', '--help', '--json', '--workers'],
    ],
    [
      ['init', '--template', ''],
      ['files', 'kafka'],
    ],
    [
      ['run', ''],
      ['orders', 'signups'],
    ],
    [
      ['quarantine', 'list', '--pipeline', ''],
      ['orders', 'signups'],
    ],
  ])('of %j is %j', async (words, expected) => {
    if (!has(shell)) return console.error(`NOT TESTED: completion in ${shell}, which is not on this machine`)
    const cwd = await project({ 'millrace.config.js': memoryConfig(`signups: few('signups'), orders: few('orders')`) })
    // zsh is given the short ones too, and sorts them out itself.
    expect((await offeredIn(shell, words, cwd)).filter(word => !/^-\w$/.test(word)).sort()).toEqual(expected)
  })
})

it.each(['bash', 'zsh', 'fish'])('%s gets every command and option', async shell => {
  const script = await scriptOf(shell)
  const { out } = await runMillrace(['--help'])
  for (const [, name] of out.matchAll(/^ {2}([a-z-]+) (?:\[|<)/gm)) expect(script).toContain(name)
  for (const option of ['drain', 'workers', 'template', 'dry-run', 'config']) expect(script).toMatch(new RegExp(`(--|-l )${option}`))
})

// Without the shell the script is only looked at above.
it.each(['bash', 'zsh', 'fish'])('%s reads its script', async shell => {
  if (!has(shell)) return console.error(`NOT TESTED: the completion for ${shell}, which is not on this machine, was not read by it`)
  const directory = await project({ script: await scriptOf(shell) })
  const checked = spawnSync(shell, ['-n', `${directory}/script`], { encoding: 'utf8' })
  expect(checked).toMatchObject({ status: 0, stderr: '' })
})

it('names nothing and says nothing where there is no config', async () => {
  expect(await runMillrace(['completion', 'names'], { cwd: await project({}) })).toMatchObject({ status: 0, out: '', err: '' })
})
