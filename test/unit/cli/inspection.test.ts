import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { countLine, diagnosisLines, diagnosisStatus } from '../../../src/cli/inspection/diagnosis-lines.js'
import { explainPipeline } from '../../../src/cli/inspection/explain-pipeline.js'
import { type Diagnosis, inspectPipeline } from '../../../src/cli/inspection/inspect-pipeline.js'
import { knownSteps } from '../../../src/cli/inspection/known-steps.js'
import type { FaultKind, Finding, Inspectable } from '../../../src/core/inspection.js'
import { roomFinding } from '../../../src/drivers/file-system/inspect-directory.js'
import { unreachable } from '../../../src/drivers/postgres/unreachable.js'
import {
  decode,
  definePipeline,
  fanOut,
  memoryQuarantine,
  memorySink,
  memorySource,
  memoryStore,
  postgres,
  postgresQuarantine,
  postgresSink,
  quarantinedSource,
  type Sink,
  table,
  transform,
} from '../../../src/index.js'
import { planOf } from '../../../src/runtime/start.js'
import { entriesOf } from '../../harness/failures.js'

const fault = (kind?: FaultKind): Finding => ({ level: 'fault', what: 'it is wrong', ...(kind && { kind }) })

const pipelineOf = (sink: Sink<Uint8Array | null>) =>
  definePipeline({
    name: 'p',
    source: memorySource([Buffer.from('x')]),
    steps: records => records.pipe(decode('bytes')),
    sink: sink as never,
    onFailure: memoryQuarantine(),
  })
const sinkThat = (inspect: NonNullable<Inspectable['inspect']>): Sink<Uint8Array | null> => ({
  ...memorySink<Uint8Array | null>(),
  inspect,
})
const diagnosed = (sink: Sink<Uint8Array | null>, partMs?: number) => inspectPipeline(planOf(pipelineOf(sink)), partMs)
const ofSink = ({ findings }: Diagnosis) => findings.filter(({ part }) => part === 'sink memory')

describe('the inspection of a pipeline', () => {
  test('gives what its parts find, each with the part', async () => {
    const { findings } = await diagnosed(
      sinkThat(async function* ({ pipeline, ledger, first }) {
        yield { level: 'ok', what: `${pipeline} ${ledger} ${first('a')} ${first('a')} ${first('b')}` }
      }),
    )
    expect(findings).toEqual([
      { part: 'source memory', level: 'ok', what: 'it has nothing to be inspected' },
      { part: 'sink memory', level: 'ok', what: 'p false true false true' },
      { part: 'quarantine', level: 'ok', what: 'it has nothing to be inspected' },
    ])
  })

  test('keeps what was found before a part threw, and says so', async () => {
    const found = await diagnosed(
      sinkThat(async function* () {
        yield fault()
        throw new Error('by accident')
      }),
    )
    expect(ofSink(found)).toMatchObject([{ what: 'it is wrong' }, { level: 'fault', what: 'its inspection failed', cause: 'by accident' }])
  })

  test('ends although a part does not, and tells it by its signal', async () => {
    let told = false
    const found = await diagnosed(
      sinkThat(async function* ({ signal }) {
        yield fault()
        await new Promise<void>(resolve => {
          signal.addEventListener('abort', () => {
            told = true
            resolve()
          })
        })
      }),
      30,
    )
    expect(ofSink(found)).toMatchObject([{ what: 'it is wrong' }, { what: 'its inspection failed', cause: 'it did not end within 30 ms' }])
    expect(told).toBe(true)
  })

  test('looks at every member of sinks that stand together', async () => {
    const member = (what: string) =>
      sinkThat(async function* () {
        yield { level: 'ok', what }
      })
    const both = fanOut({ a: member('first'), b: member('second') }) as unknown as Sink<Uint8Array | null>
    expect((await diagnosed(both)).findings.map(({ what }) => what)).toEqual(expect.arrayContaining(['first', 'second']))
  })
})

describe('a diagnosis', () => {
  const of = (...findings: Finding[]): Diagnosis => ({ pipeline: 'p', findings: findings.map(finding => ({ part: 'sink', ...finding })) })

  test('ends with 0, the status of its class, or 1', () => {
    expect(diagnosisStatus([of({ level: 'warning', what: 'w' })])).toBe(0)
    for (const [kind, status] of [
      ['unavailable', 69],
      ['locked', 75],
      ['not-allowed', 77],
      ['config', 78],
    ] as const)
      expect(diagnosisStatus([of(fault(kind), fault(kind)), of()])).toBe(status)
    expect(diagnosisStatus([of(fault())])).toBe(1)
    expect(diagnosisStatus([of(fault('config')), of(fault('locked'))])).toBe(1)
  })

  test('is told with cause and way out', () => {
    const diagnosis = of({ level: 'fault', what: 'it is away', cause: 'refused', fix: 'start it' }, { level: 'warning', what: 'soon' })
    expect(diagnosisLines(diagnosis)).toEqual([
      'pipeline p',
      '  ✗ sink: it is away',
      '      because: refused',
      '      way out: start it',
      '  ! sink: soon',
    ])
    expect(countLine([diagnosis])).toBe('1 fault, 1 warning')
  })
})

describe('a disk', () => {
  test.each([
    [2 ** 40, 'ok', '1024.0 GiB'],
    [2 ** 29, 'warning', '512 MiB'],
    [2 ** 23, 'fault', '8 MiB'],
  ] as const)('with %d bytes left is %s', (bytes, level, amount) => {
    expect(roomFinding('/data', bytes)).toMatchObject([{ level, what: `the disk of /data has ${amount} left` }])
  })
})

describe('a database that cannot be reached', () => {
  const server = (code: string) => Object.assign(new Error('as the server says'), { code, severity: 'FATAL' })
  test.each([
    [Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), /is away$/, 'unavailable'],
    [Object.assign(new AggregateError([Object.assign(new Error('x'), { code: 'ETIMEDOUT' })])), /does not answer$/, 'unavailable'],
    [server('28P01'), /does not take the user or the password$/, 'not-allowed'],
    [server('53300'), /has no connection left$/, 'unavailable'],
    [server('57P03'), /is starting or stopping$/, 'unavailable'],
    [server('42501'), /may not connect to database/, 'not-allowed'],
    [server('XX000'), /refuses the connection$/, 'unavailable'],
  ] as const)('%s', (error, what, kind) => {
    expect(unreachable('db', error)).toMatchObject({
      level: 'fault',
      what: expect.stringMatching(what),
      kind,
      fix: expect.stringMatching(/\w/),
    })
  })
})

describe('the steps of a pipeline', () => {
  test('are what the pipeline says of them', () => {
    expect(knownSteps({ about: ['decode', 'write'], steps: () => null as never })).toEqual(['decode', 'write'])
  })

  test('else are the operators that their text names, in that order, also where a bundler has been', () => {
    const steps = (records: { pipe(...all: unknown[]): never }) => records.pipe(decode('text'), transform(String))
    expect(knownSteps({ steps: steps as never })[1]).toBe('its text names decode → transform')
    const bundled = { toString: () => '' }
    expect(knownSteps({ steps: Object.assign(() => null as never, bundled) })[1]).toBe('its text names no operator that is known')
  })

  test('show no literal of the text', () => {
    const steps = (records: { pipe(...all: unknown[]): never }) => records.pipe(transform(() => 'a secret word'))
    expect(JSON.stringify(knownSteps({ steps: steps as never }))).not.toContain('secret')
  })
})

test('explain says what a sink of several promises, and who keeps the ledger', async () => {
  const store = memoryStore()
  const keeper = memorySink<Uint8Array | null>({ name: 'rows', ledger: true, store })
  const both = fanOut({ rows: keeper, copy: memorySink<Uint8Array | null>({ name: 'copy' }) }) as unknown as Sink<Uint8Array | null>
  const pipeline = pipelineOf(both)
  expect(explainPipeline(planOf(pipeline))).toMatchObject({
    sink: ['rows: in memory: its rows end with the process', 'copy: in memory: its rows end with the process'],
    guarantees: ['each record exactly once, as long as the process lives', expect.stringContaining('a position is committed only')],
  })
  expect(await both.ledgerBooks!.list('p')).toEqual([])
  await store.ledger.takeOver('p', 'memory', '0', 'mark')
  store.ledger.cover('p', [{ source: 'memory', partition: '0', epoch: 1n, positions: [[0, 5]], gaps: [] }])
  expect(await both.ledgerBooks!.list('p')).toMatchObject([
    { source: 'memory', partition: '0', covered: [[0, 5]], epoch: 1n, mark: 'mark' },
  ])
  expect(await both.ledgerBooks!.reset('p', { partition: '1' })).toBe(0)
  expect(await both.ledgerBooks!.reset('p', { source: 'memory' })).toBe(1)
  expect(await both.ledgerBooks!.list('p')).toEqual([])
})

test('a pipeline over what is in quarantine is inspected where that is', async () => {
  const found: Finding = { level: 'ok', what: 'it was looked at' }
  const quarantine = {
    ...memoryQuarantine(),
    async *inspect() {
      yield found
    },
  }
  const source = quarantinedSource(quarantine)
  const pipeline = definePipeline({ name: 'p', source, steps: records => records, sink: memorySink<Uint8Array>(), onFailure: 'halt' })
  const { findings } = await inspectPipeline(planOf(pipeline))
  expect(findings).toContainEqual({ part: 'source quarantine', ...found })
  expect(explainPipeline(planOf(pipeline)).sources['quarantine']).toEqual([
    'what is in quarantine: in memory: its entries end with the process',
  ])
})

test('a look at an embedded database that was never made does not make it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-look-'))
  try {
    const database = postgres({ embedded: join(directory, 'db') })
    const rows = table('rows', c => ({ id: c.integer() }), { create: true })
    const { ledgerBooks } = postgresSink(database, rows, { mode: 'append', ledger: true })
    expect(await ledgerBooks!.list('p')).toEqual([])
    expect(await ledgerBooks!.reset('p')).toBe(0)
    expect(await entriesOf(postgresQuarantine(database))).toEqual([])
    expect(existsSync(join(directory, 'db'))).toBe(false)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
