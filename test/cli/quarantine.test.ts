import { chmod, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { commandHere } from '../harness/command-here.js'
import { startMillrace, startOnTerminal } from '../harness/millrace-command.js'
import { projects } from '../harness/project.js'
import { people, peopleConfig } from '../harness/quarantine-project.js'

const project = projects()

/** A project of which one run has quarantined four of six records. */
async function quarantined(): Promise<string> {
  const cwd = await project({ 'millrace.config.js': peopleConfig(), 'people.in': people })
  const { status, err } = await commandHere(['run', 'people', '--json'], { cwd })
  expect(status, err).toBe(0)
  return cwd
}

const quarantine = (
  cwd: string,
  args: readonly string[],
  options: { readonly env?: Record<string, string>; readonly input?: string } = {},
) => commandHere(['quarantine', ...args], { cwd, ...options })

interface Listed {
  readonly id: string
  readonly stage: string
  readonly code: string
}

async function listed(cwd: string, ...args: string[]): Promise<Listed[]> {
  const { status, out, err } = await quarantine(cwd, ['list', '--json', ...args])
  expect(status, err).toBe(0)
  return out
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Listed)
}

const idOf = async (cwd: string, ...filter: string[]) => (await listed(cwd, ...filter))[0]!.id

const rowsIn = async (cwd: string) => (await readFile(join(cwd, 'rows.ndjson'), 'utf8')).trimEnd().split('\n')

describe('millrace quarantine list', () => {
  it('shows a table, and filters by stage, code, time, pipeline and text', async () => {
    const cwd = await quarantined()
    const { out } = await quarantine(cwd, ['list'])
    const lines = out.trimEnd().split('\n')
    expect(lines[0]).toMatch(/^ID +PIPELINE +WHEN +STAGE +CODE +ORIGIN +ERROR$/)
    expect(lines).toHaveLength(5)
    expect(lines[1]).toMatch(/ people +\d{4}-.*Z +validate +MILL_VALUE_INVALID +files people\.in@\d+ +\/id must be integer$/)
    const codes = async (...args: string[]) => (await listed(cwd, ...args)).map(({ code }) => code)
    const all = ['MILL_VALUE_INVALID', 'E_EMAIL', 'MILL_VALUE_INVALID', 'MILL_VALUE_UNDECODABLE']
    expect(await codes()).toEqual(all)
    expect(await codes('people')).toEqual(all)
    expect(await codes('--stage', 'transform')).toEqual(['E_EMAIL'])
    expect(await codes('--code', 'MILL_VALUE_INVALID')).toHaveLength(2)
    expect(await codes('--text', 'THERE IS NO @')).toEqual(['E_EMAIL'])
    expect(await codes('--since', '1h')).toEqual(all)
    expect(await codes('--until', '1h')).toEqual([])
    expect(await codes('--until', '2020-01-01')).toEqual([])
    expect(await codes('--limit', '2')).toEqual(all.slice(0, 2))
    expect((await quarantine(cwd, ['list', '--limit', '2'])).err).toContain('there are more than these 2')
    expect((await quarantine(cwd, ['list', '--code', 'NONE'])).err).toContain('nothing is in quarantine that fits')
  })

  it('refuses what it does not understand with status 2', async () => {
    const cwd = await quarantined()
    for (const [args, said] of [
      [['--since', 'yesterday'], '--since takes a moment like'],
      [['--limit', '0'], '--limit takes a whole number'],
      [['--pipeline', 'halting'], "pipeline halting has no quarantine: its onFailure is 'halt'"],
      [['--pipeline', 'peple'], 'did you mean people?'],
    ] as const)
      expect(await quarantine(cwd, ['list', ...args])).toMatchObject({ status: 2, out: '', err: expect.stringContaining(said) })
  })
})

describe('millrace quarantine show', () => {
  it('prints JSON readably, points at what is wrong, and tells error, origin and bytes', async () => {
    const cwd = await quarantined()
    const invalid = await quarantine(cwd, ['show', await idOf(cwd, '--stage', 'validate')])
    expect(invalid.out).toMatch(
      /origin {5}files people\.in@33\n {2}stage {6}validate\n {2}error {6}MILL_VALUE_INVALID: \/id must be integer/,
    )
    expect(invalid.out).toContain(
      'bytes      36, all of them kept\n\n  {\n    "id": "two",    ← must be integer\n    "email": "b@example.org"\n  }\n',
    )
    const [, , lacking] = await listed(cwd)
    expect((await quarantine(cwd, ['show', lacking!.id])).out).toContain('  {    ← email is required\n    "id": 5\n  }')
    const thrown = await quarantine(cwd, ['show', await idOf(cwd, '--code', 'E_EMAIL')])
    expect(thrown.out).toContain('E_EMAIL: no address: nobody\n             because: Error: there is no @')
    // As it stands in the record: a double could not hold it.
    expect(thrown.out).toContain('"big": 12345678901234567890')
    const broken = await quarantine(cwd, ['show', await idOf(cwd, '--stage', 'decode')])
    expect(broken.out).toMatch(/ {2}\{"id":6,"email":\}\n {18}\^ here\n/)
  })

  it('prints the bytes as they are with --raw, and takes the beginning of an id', async () => {
    const cwd = await quarantined()
    const id = await idOf(cwd, '--stage', 'decode')
    expect((await quarantine(cwd, ['show', id.slice(0, -20), '--raw'])).out).toBe('{"id":6,"email":}')
    expect(await quarantine(cwd, ['show', id.slice(0, 10)])).toMatchObject({
      status: 2,
      err: expect.stringContaining('4 entries begin so'),
    })
    for (const unknown of ['x', id.slice(0, 7)])
      expect(await quarantine(cwd, ['show', unknown])).toMatchObject({
        status: 2,
        err: expect.stringContaining(`no entry has the id ${unknown}`),
      })
  })
})

describe('millrace quarantine replay', () => {
  it('says with --dry-run what would be replayed, tries the steps with --steps, and changes nothing', async () => {
    const cwd = await quarantined()
    const [before, rows] = [await listed(cwd), await rowsIn(cwd)]
    expect((await quarantine(cwd, ['replay', '--dry-run'])).out).toContain('people: 4 entries would be replayed')
    const tried = await quarantine(cwd, ['replay', '--dry-run', '--steps', '--stage', 'validate'])
    expect(tried.out).toMatch(
      /^people: 2 entries tried: 0 would be delivered, 0 skipped, 2 would fail again\n {2}files people.in@33 {2}validate/,
    )
    expect([await listed(cwd), await rowsIn(cwd)]).toEqual([before, rows])
  })

  it('sends entries through the real pipeline, and prints what was delivered and what came back', async () => {
    const cwd = await quarantined()
    const config = join(cwd, 'millrace.config.js')
    await writeFile(config, (await readFile(config, 'utf8')).replace("!person.email.includes('@')", 'false'))
    const before = await listed(cwd)
    const { status, out, err } = await quarantine(cwd, ['replay'])
    expect(status, err).toBe(0)
    const after = await listed(cwd)
    expect(out.split('\n')[0]).toBe('people: 4 entries replayed: 1 delivered, 0 skipped, 3 came back')
    expect(
      out
        .trimEnd()
        .split('\n')
        .slice(1)
        .map(line => line.trim().split(' ')[0]),
    ).toEqual(after.map(({ id }) => id))
    expect(after.map(({ stage }) => stage).sort()).toEqual(['decode', 'validate', 'validate'])
    expect(after.some(({ id }) => before.some(entry => entry.id === id))).toBe(false)
    expect(await rowsIn(cwd)).toHaveLength(3)
    const json = await quarantine(cwd, ['replay', '--limit', '1', '--json'])
    expect(JSON.parse(json.out)).toMatchObject({
      dryRun: false,
      replays: [{ pipeline: 'people', entries: 1, delivered: 0, cameBack: [{ id: expect.any(String) }] }],
    })
    expect(await listed(cwd)).toHaveLength(3)
  })

  it('opens the text of one entry in the editor, and replays what was left there under the same origin', async () => {
    const cwd = await quarantined()
    const id = await idOf(cwd, '--stage', 'decode')
    const editor = join(cwd, 'editor.sh')
    // As editors do, it ends the last line.
    await writeFile(editor, '#!/bin/sh\nprintf \'{"id":6,"email":"f@example.org"}\\n\' > "$2"\n')
    await chmod(editor, 0o755)
    const env = { VISUAL: `${editor} --wait` }
    const { status, out, err } = await quarantine(cwd, ['replay', id, '--edit'], { env })
    expect(status, err).toBe(0)
    expect(out).toBe('people: one entry replayed: 1 delivered, 0 skipped, 0 came back\n')
    expect((await rowsIn(cwd)).at(-1)).toBe('{"id":6,"email":"f@example.org"}')
    expect(await listed(cwd)).toHaveLength(3)
    // What fails again is what was edited, and the entry before is gone.
    const other = await idOf(cwd, '--code', 'E_EMAIL')
    await writeFile(editor, '#!/bin/sh\nprintf \'{"id":3,"email":"still none"}\' > "$2"\n')
    expect((await quarantine(cwd, ['replay', other, '--edit'], { env })).out).toMatch(
      /1 came back\n.*files people.in@70 {2}transform {2}E_EMAIL {2}no address: still none/,
    )
    const back = await idOf(cwd, '--code', 'E_EMAIL')
    expect((await quarantine(cwd, ['show', back, '--raw'])).out).toBe('{"id":3,"email":"still none"}')
    expect(await listed(cwd)).toHaveLength(3)
    expect((await quarantine(cwd, ['replay', back, '--edit'], { env: { EDITOR: 'true' } })).err).toContain(
      'the text was not changed: nothing was replayed',
    )
    expect(await quarantine(cwd, ['replay', back, '--edit'], { env: { EDITOR: 'false' } })).toMatchObject({ status: 1 })
    expect(await quarantine(cwd, ['replay', '--edit'])).toMatchObject({ status: 2 })
    expect(await listed(cwd)).toHaveLength(3)
  })
})

describe('millrace quarantine drop', () => {
  it('asks on a terminal, and else wants --yes', { timeout: 60_000 }, async () => {
    const cwd = await quarantined()
    expect(await quarantine(cwd, ['drop', '--stage', 'validate'])).toMatchObject({ status: 2, err: expect.stringContaining('say --yes') })
    expect(await quarantine(cwd, ['drop', '--yes'])).toMatchObject({ status: 2, err: expect.stringContaining('give a filter') })
    for (const [answer, said] of [
      ['n', /nothing was dropped/],
      ['y', /dropped 2 entries \(2 of people\)/],
    ] as const) {
      const terminal = startOnTerminal(['quarantine', 'drop', '--stage', 'validate'], { cwd })
      await terminal.says(/Drop 2 entries \(2 of people\) for good\? \[y\/N\]/)
      terminal.type(`${answer}\r`)
      await terminal.says(said)
      expect((await terminal.ended).status).toBe(0)
    }
    expect(await listed(cwd)).toHaveLength(2)
    const id = await idOf(cwd)
    expect((await quarantine(cwd, ['drop', id, '--yes'])).out).toBe('dropped one entry (1 of people)\n')
    expect(await listed(cwd)).toHaveLength(1)
  })
})

describe('millrace quarantine export and import', () => {
  it('give the same bytes again after export, import and export', async () => {
    const cwd = await quarantined()
    const { out: first } = await quarantine(cwd, ['export'])
    expect(first.trimEnd().split('\n')).toHaveLength(4)
    expect((await quarantine(cwd, ['export', '-o', 'failed.ndjson'])).err).toContain('exported 4 entries to failed.ndjson')
    expect(await readFile(join(cwd, 'failed.ndjson'), 'utf8')).toBe(first)
    expect((await readdir(cwd)).filter(name => name.endsWith('.part'))).toEqual([])
    await quarantine(cwd, ['drop', '--pipeline', 'people', '--yes'])
    expect((await quarantine(cwd, ['import', 'failed.ndjson'])).out).toBe('imported 4 entries\n')
    expect((await quarantine(cwd, ['export'])).out).toBe(first)
    // Again, and from stdin: the same records are the same entries.
    expect((await quarantine(cwd, ['import'], { input: first })).out).toBe('imported 4 entries\n')
    expect((await quarantine(cwd, ['export'])).out).toBe(first)
  })

  it('names the line that is no entry, and takes in those before it', async () => {
    const cwd = await quarantined()
    const { out } = await quarantine(cwd, ['export'])
    await quarantine(cwd, ['drop', '--pipeline', 'people', '--yes'])
    const [one, two] = out.split('\n')
    const spoiled = [one, two!.replace('"key":null', '"key":7')].join('\n')
    const ended = await quarantine(cwd, ['import'], { input: spoiled })
    expect(ended).toMatchObject({
      status: 1,
      err: expect.stringMatching(/line 2 of stdin is no entry of a quarantine: key .*\[MILL_ENTRY_INVALID\]/),
    })
    expect(await listed(cwd)).toHaveLength(1)
    const foreign = await quarantine(cwd, ['import'], { input: two!.replace('"people"', '"others"') })
    expect(foreign.err).toContain('the config has no pipeline others with a quarantine')
    expect((await quarantine(cwd, ['import', 'none.ndjson'])).err).toContain('none.ndjson')
  })
})

describe('a replay that is stopped', () => {
  it('writes what is under way, says how far it came, and leaves the rest in quarantine', { timeout: 60_000 }, async () => {
    const bad = Array.from({ length: 400 }, (_, id) => `{"id":${id},"email":"none"}\n`).join('')
    const cwd = await project({ 'millrace.config.js': peopleConfig(), 'people.in': bad })
    expect((await commandHere(['run', 'people', '--json'], { cwd })).status).toBe(0)
    const config = join(cwd, 'millrace.config.js')
    const slow = (await readFile(config, 'utf8')).replace(
      "if (!person.email.includes('@'))",
      'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20); if (false)',
    )
    // A batch is small, so that there is something to be stopped between.
    await writeFile(config, slow.replace("{ name: 'rows', open", "{ name: 'rows', batch: { maxRecords: 5 }, open"))
    const running = startMillrace(['quarantine', 'replay', '--json'], { cwd })
    await running.says(/people: \d+ of 400 entries/)
    running.child.kill('SIGTERM')
    const { status, out, err } = await running.ended
    expect(status, err).toBe(0)
    const [outcome] = (JSON.parse(out) as { replays: { entries: number; delivered: number; cameBack: unknown[] }[] }).replays
    expect(outcome).toMatchObject({ entries: 400, left: 400 - outcome!.delivered, cameBack: [] })
    expect(outcome!.delivered).toBeGreaterThan(0)
    expect(outcome!.delivered).toBeLessThan(400)
    expect(await rowsIn(cwd)).toHaveLength(outcome!.delivered)
    expect(await listed(cwd, '--limit', '1000')).toHaveLength(400 - outcome!.delivered)
  })
})

it('import refuses a quarantine that takes no whole entries', async () => {
  const config = peopleConfig().replace("fileQuarantine(at('failed'))", "{ ...fileQuarantine(at('failed')), restore: undefined }")
  const cwd = await project({ 'millrace.config.js': config })
  expect(await quarantine(cwd, ['import'], { input: '' })).toMatchObject({
    status: 1,
    err: expect.stringMatching(/takes no entries in: it has no restore \[MILL_RESTORE_UNSUPPORTED\]/),
  })
})
