import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../harness/source-files.js'

const run = promisify(execFile)
const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')

/** What a user writes first: only `millrace` and what it asks for. */
const hello = `
import { decode, definePipeline, memoryQuarantine, memorySink, memorySource, transform, validate } from 'millrace'

const encoder = new TextEncoder()
const lines = ['{"name":"Ada"}', '{"name":1}', 'not json', '{"name":"Grace"}']
const sink = memorySink<{ greeting: string }>()
const pipeline = definePipeline({
  name: 'hello',
  source: memorySource(lines.map(line => encoder.encode(line))),
  steps: records => records.pipe(
    decode('json'),
    validate({ type: 'object', properties: { name: { type: 'string' } }, required: ['name'], additionalProperties: false }),
    transform(person => ({ greeting: \`hello, \${person.name}\` })),
  ),
  sink,
  onFailure: memoryQuarantine(),
})
const { delivered, quarantined, reasons } = await pipeline.start().finished
console.log(JSON.stringify({ delivered, quarantined, reasons, rows: sink.rows }))
`

describe('the package', () => {
  let directory: string
  let tarball: string
  let files: string[]

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-package-'))
    // With its build, as a release would.
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', directory], { cwd: root, env: quiet })
    const [packed] = Object.values(JSON.parse(stdout.slice(stdout.search(/[[{]/)))) as { filename: string; files: { path: string }[] }[]
    tarball = join(directory, packed!.filename)
    files = packed!.files.map(({ path }) => path)
  }, 120_000)

  afterAll(() => rm(directory, { recursive: true, force: true }))

  it('holds the code, the pages and the licence, and nothing else', () => {
    const expected =
      /^(dist\/.+\.(js|d\.ts)|dist\/config\.schema\.json|dist\/operators\/draft-2020-12\.cjs|docs\/.+|README\.md|CHANGELOG\.md|LICENSE|package\.json)$/
    expect(files.filter(path => !expected.test(path))).toEqual([])
    expect(files).toEqual(
      expect.arrayContaining([
        'dist/index.js',
        'dist/index.d.ts',
        'dist/testing/index.js',
        'dist/config.schema.json',
        'README.md',
        'LICENSE',
        'CHANGELOG.md',
      ]),
    )
  })

  it('holds nothing that the sources no longer have', async () => {
    const sources = files
      .filter(path => path.startsWith('dist/') && !path.startsWith('dist/shared/') && !/\.(json|cjs)$/.test(path))
      .map(path => path.replace(/^dist\//, 'src/').replace(/\.(d\.ts|js)$/, '.ts'))
    const stale: string[] = []
    for (const path of new Set(sources)) await stat(join(root, path)).catch(() => stale.push(path))
    expect(stale).toEqual([])
  })

  it('is small', async () => {
    expect((await stat(tarball)).size).toBeLessThan(1024 * 1024)
  })

  it('runs a first pipeline in an empty project, and gives it its types', async () => {
    const project = join(directory, 'project')
    await mkdir(project)
    await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'hello', private: true, type: 'module' }))
    await writeFile(join(project, 'hello.ts'), hello)
    const { devDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
      devDependencies: Record<string, string>
    }
    const packages = ['rxjs', '@types/node'].map(name => `${name}@${devDependencies[name]}`)
    await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball, ...packages], { cwd: project, env: quiet })
    await run(process.execPath, [compiler, '--strict', '--target', 'es2023', '--module', 'nodenext', '--types', 'node', 'hello.ts'], {
      cwd: project,
    })
    const { stdout } = await run(process.execPath, ['hello.js'], { cwd: project })
    expect(JSON.parse(stdout)).toEqual({
      delivered: 2,
      quarantined: 2,
      reasons: { MILL_VALUE_INVALID: 1, MILL_VALUE_UNDECODABLE: 1 },
      rows: [{ greeting: 'hello, Ada' }, { greeting: 'hello, Grace' }],
    })
  }, 180_000)

  it('brings the command, which writes a project that passes its check, its run and its own test', async () => {
    const first = join(directory, 'first')
    await mkdir(first)
    const { devDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
      devDependencies: Record<string, string>
    }
    const install = ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball, `rxjs@${devDependencies['rxjs']}`]
    await run('npm', ['init', '--yes'], { cwd: first, env: quiet })
    await run('npm', install, { cwd: first, env: quiet })
    const bin = (project: string) => join(project, 'node_modules/.bin/millrace')
    expect((await run(bin(first), ['--version'], { env: quiet })).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)

    const made = join(directory, 'made')
    await run(bin(first), ['init', 'made'], { cwd: directory, env: quiet })
    // What is not published yet comes from the archive.
    await run('npm', install, { cwd: made, env: quiet })
    expect((await run(bin(made), ['check'], { cwd: made, env: quiet })).stdout).toContain('one pipeline (signups), no problem')
    const { stdout } = await run(bin(made), ['run', '--json'], { cwd: made, env: quiet })
    expect(JSON.parse(stdout)).toMatchObject({ delivered: 7, skipped: 1, quarantined: 2 })
    expect(JSON.parse((await run(bin(made), ['run', '--json'], { cwd: made, env: quiet })).stdout)).toMatchObject({
      delivered: 0,
      quarantined: 0,
    })
    expect((await run('npm', ['test'], { cwd: made, env: quiet })).stdout).toMatch(/pass 2\n.*fail 0/s)
    expect((await run('npm', ['run', 'sql', '--', 'select email from signups'], { cwd: made, env: quiet })).stdout).toContain(
      'ada@example.org',
    )
    // Nothing that is there is overwritten.
    await expect(run(bin(first), ['init', 'made'], { cwd: directory, env: quiet })).rejects.toMatchObject({ code: 2 })
  }, 300_000)
})

/** What npm sets for the scripts it runs would make the inner npm look for its settings in the outer project. */
const quiet = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)))
