import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { version } from '../../src/core/version.js'
import { runMillrace } from '../harness/millrace-command.js'

describe('millrace, where there is no config', () => {
  let cwd = ''
  beforeAll(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'millrace-command-'))
  })
  afterAll(() => rm(cwd, { recursive: true, force: true }))

  it.each([['--version'], ['-V']])('%s prints the version', async flag => {
    expect(await runMillrace([flag], { cwd })).toEqual({ status: 0, signal: null, out: `${version}\n`, err: '' })
  })

  it.each([['--help'], ['-h'], ['help']])('%s shows what there is, with examples', async flag => {
    const { status, out, err } = await runMillrace([flag], { cwd })
    expect({ status, err }).toEqual({ status: 0, err: '' })
    expect(out).toMatch(/^Usage: millrace/)
    for (const said of ['-c, --config <path>', 'Examples:', 'docs/operations.md']) expect(out).toContain(said)
  })

  it.each([
    [['help', 'run'], 'millrace run [options] [name...]'],
    [['help', 'quarantine', 'replay'], 'millrace quarantine replay [options] [id...]'],
    [['quarantine', 'help', 'replay'], 'millrace quarantine replay [options] [id...]'],
    [['quarantine', 'help'], 'millrace quarantine [options] [command]'],
  ])('%j shows the help of that command', async (args, usage) => {
    expect(await runMillrace(args, { cwd })).toMatchObject({ status: 0, out: expect.stringContaining(`Usage: ${usage}\n`), err: '' })
  })

  it('helps where nothing was asked, with the status of a wrong use', async () => {
    expect(await runMillrace([], { cwd })).toMatchObject({ status: 2, out: '', err: expect.stringMatching(/^Usage: millrace/) })
  })

  it.each([
    [['rnu'], "unknown command 'rnu'\n(Did you mean run?)"],
    [['help', 'rnu'], "unknown command 'rnu'\n(Did you mean run?)"],
    [['help', 'quarantine', 'repay'], "unknown command 'repay'\n(Did you mean replay?)"],
    [['ledger', 'help', 'shw'], "unknown command 'shw'\n(Did you mean show?)"],
    [['--hepl'], "unknown option '--hepl'\n(Did you mean --help?)"],
    [['check', '--confgi', 'x'], "unknown option '--confgi'\n(Did you mean --config?)"],
    [['-c'], "option '-c, --config <path>' argument missing"],
  ])('%j ends with status 2 and says %j', async (args, said) => {
    expect(await runMillrace(args, { cwd })).toMatchObject({ status: 2, out: '', err: expect.stringContaining(said) })
  })
})
