import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { definePipeline, handle, memoryQuarantine, memorySink, memoryStore, silentLog, transform } from '../../../src/index.js'
import { kafkaSourceOn } from '../../../src/sources/kafka.js'
import { virtualClock } from '../../../src/testing/virtual-clock.js'
import { FakeKafka, refusal } from '../../harness/fake-kafka.js'

const texts = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i}`)

function world(options: Partial<Parameters<typeof kafkaSourceOn>[1]> = {}, partitions = 1) {
  const clock = virtualClock()
  const kafka = new FakeKafka(clock)
  kafka.topic('t', partitions)
  const source = () => kafkaSourceOn(kafka.driver, { topics: ['t'], groupId: 'g', ...options }, clock)
  const sink = memorySink<string>()
  const pipeline = definePipeline({
    name: 'p',
    source: source(),
    steps: records => records.pipe(transform(value => (value === null ? 'tombstone' : Buffer.from(value).toString()))),
    sink,
    onFailure: 'halt',
  })
  return { clock, kafka, source, sink, pipeline }
}

describe('a run on the fake', () => {
  test('reads all, commits behind the last, and stops', async () => {
    const { clock, kafka, sink, pipeline } = world({}, 4)
    for (let i = 0; i < 4; i++) kafka.produce(`t/${i}`, texts(i * 100, i * 100 + 35))
    const run = pipeline.start({ clock })
    await clock.advance(3_000)
    expect(sink.rows).toHaveLength(140)
    expect(Object.fromEntries(kafka.group('g').committed)).toEqual({ 't/0': 35, 't/1': 35, 't/2': 35, 't/3': 35 })
    await clock.until(run.stop())
    expect(clock.pending).toBe(0)
  })
})

describe('the beginning', () => {
  /** A run whose ledger takes its time: `give` lets it answer. */
  function slowly(options: Parameters<typeof world>[0] = {}) {
    const made = world(options)
    let give!: () => void
    const given = new Promise<void>(resolve => {
      give = resolve
    })
    const inner = memorySink<string>({ ledger: true })
    const sink = {
      ...inner,
      open: async (context: Parameters<typeof inner.open>[0]) => {
        const session = await inner.open(context)
        const takeOver: NonNullable<typeof session.takeOver> = async (...at) => (await given, session.takeOver!(...at))
        return { ...session, takeOver }
      },
    }
    const pipeline = definePipeline({
      name: 'p',
      source: made.source(),
      steps: records => records.pipe(transform(value => `${Buffer.from(value!)}`)),
      sink,
      onFailure: 'halt',
    })
    return { ...made, sink: inner, pipeline, give }
  }

  test('the first batch is given as soon as it is known where to go on', async () => {
    const { clock, kafka, sink, pipeline } = world()
    kafka.produce('t/0', texts(0, 5))
    const run = pipeline.start({ clock })
    await clock.advance(110)
    expect(sink.rows).toEqual(texts(0, 5))
    expect(kafka.members[0]!.paused.size).toBe(0)
    await clock.until(run.stop())
  })

  test('while the ledger is taken over, the first batch is held and the membership kept', async () => {
    const { clock, kafka, sink, pipeline, give } = slowly()
    kafka.produce('t/0', texts(0, 25))
    const run = pipeline.start({ clock })
    await clock.advance(60_000)
    expect(kafka.members).toHaveLength(1)
    expect(kafka.members[0]).toMatchObject({ fetches: 1, seeks: 0 })
    expect(kafka.members[0]!.heartbeats).toBeGreaterThanOrEqual(15)
    give()
    await clock.advance(1_000)
    expect(sink.rows).toEqual(texts(0, 25))
    await clock.until(run.stop())
  })

  test('a rebalance meanwhile waits for a heartbeat at most', async () => {
    const { clock, kafka, sink, pipeline, give } = slowly()
    kafka.produce('t/0', texts(0, 25))
    const run = pipeline.start({ clock })
    await clock.advance(10_000)
    const [member] = kafka.members
    kafka.group('g').rebalance()
    await clock.advance(3_100)
    expect(member!.generation).toBe(kafka.group('g').generation)
    give()
    await clock.advance(1_000)
    expect(sink.rows).toEqual(texts(0, 25))
    await clock.until(run.stop())
  })

  test('a run that is stopped meanwhile ends', async () => {
    const { clock, kafka, pipeline, give } = slowly()
    kafka.produce('t/0', texts(0, 25))
    const run = pipeline.start({ clock })
    await clock.advance(10_000)
    const stopped = run.stop()
    give()
    await clock.until(stopped)
    expect(clock.pending).toBe(0)
  })

  test('control records alone are passed, though they came before it was known where to go on', async () => {
    const { clock, kafka, pipeline, give } = slowly()
    kafka.control('t/0', 5)
    const run = pipeline.start({ clock })
    await clock.advance(5_000)
    give()
    await clock.advance(3_000)
    expect(kafka.group('g').committed.get('t/0')).toBe(5)
    await clock.until(run.stop())
  })

  test.each([
    ['the end', 'latest' as const, []],
    ['a moment', new Date(0), texts(12, 25)],
  ])('begins at %s, though the client begins before', async (_, startAt, expected) => {
    const { clock, kafka, sink, pipeline } = world({ startAt })
    kafka.offsetAt = 12
    kafka.produce('t/0', texts(0, 25))
    const run = pipeline.start({ clock })
    await clock.advance(2_000)
    expect(sink.rows).toEqual(expected)
    kafka.produce('t/0', texts(25, 30))
    await clock.advance(2_000)
    expect(sink.rows).toEqual([...expected, ...texts(25, 30)])
    await clock.until(run.stop())
  })

  test('goes back to a ledger that is behind the group, also where nothing new comes', async () => {
    const { clock, kafka, sink, pipeline, give } = slowly()
    give()
    kafka.produce('t/0', texts(0, 10))
    const first = pipeline.start({ clock })
    await clock.advance(2_000)
    await clock.until(first.stop())
    kafka.produce('t/0', texts(10, 20))
    kafka.group('g').committed.set('t/0', 20)
    const second = pipeline.start({ clock })
    await clock.advance(2_000)
    expect(sink.rows).toEqual(texts(0, 20))
    await clock.until(second.stop())
  })
})

describe('what it tells of itself', () => {
  test('as whom it reads what, how often that was dealt out anew, and what it committed', async () => {
    const { clock, kafka, pipeline } = world({}, 3)
    const run = pipeline.start({ clock })
    expect(run.snapshot().sources).toEqual({})
    await clock.advance(200)
    expect(run.snapshot().sources).toEqual({ kafka: { member: 'member-1', assignment: { t: [0, 1, 2] }, rebalances: 0, commits: 0 } })
    kafka.produce('t/1', texts(0, 5))
    await clock.advance(2_000)
    const { committedAt, ...rest } = run.snapshot().sources!['kafka']!
    expect(rest).toEqual({ member: 'member-1', assignment: { t: [0, 1, 2] }, rebalances: 0, commits: 1 })
    expect(clock.now() - committedAt!).toBeLessThan(2_000)
    expect(JSON.parse(JSON.stringify(run.snapshot().sources))).toEqual(run.snapshot().sources)
    const second = definePipeline({
      name: 'second',
      source: kafkaSourceOn(kafka.driver, { topics: ['t'], groupId: 'g' }, clock),
      steps: records => records,
      sink: memorySink(),
      onFailure: 'halt',
    })
    const joined = second.start({ clock })
    await clock.advance(2_000)
    expect(run.snapshot().sources!['kafka']).toMatchObject({ member: 'member-1', rebalances: 1, assignment: { t: [0, 2] } })
    expect(joined.snapshot().sources!['kafka']).toMatchObject({ member: 'member-2', rebalances: 0, assignment: { t: [1] } })
    kafka.members[0]!.crash(refusal('the broker is gone'))
    await clock.advance(3_000)
    expect(run.snapshot().sources!['kafka']).toMatchObject({ member: 'member-3' })
    await clock.until(Promise.all([run.stop(), joined.stop()]))
  })
})

describe('assignment and rebalances', () => {
  test('the same member keeps its partitions without a redelivery', async () => {
    const { clock, kafka, sink, pipeline } = world({}, 2)
    const run = pipeline.start({ clock })
    kafka.produce('t/0', texts(0, 25))
    await clock.advance(600)
    // Committed is nothing yet, so whatever were read again would come again.
    expect(kafka.group('g').committed.size).toBe(0)
    kafka.group('g').refuse = 1
    kafka.group('g').rebalance()
    await clock.advance(1_000)
    kafka.produce('t/0', texts(25, 50))
    await clock.advance(2_000)
    expect(sink.rows).toEqual(texts(0, 50))
    await clock.until(run.stop())
    expect(kafka.group('g').committed.get('t/0')).toBe(50)
  })

  test('a member under a new id begins where the group stands', async () => {
    const { clock, kafka, sink, pipeline } = world({ commitEveryMs: 60_000 })
    const run = pipeline.start({ clock })
    kafka.produce('t/0', texts(0, 10))
    await clock.advance(600)
    const [member] = kafka.members
    member!.isForgotten = true
    member!.wake()
    await clock.advance(2_000)
    expect(sink.rows).toEqual([...texts(0, 10), ...texts(0, 10)])
    await clock.until(run.stop())
  })

  test('what is settled after a revoke is not committed', async () => {
    const { clock, kafka, source } = world({ commitEveryMs: 100 })
    let release!: () => void
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    const pipeline = definePipeline({
      name: 'p',
      source: source(),
      steps: records => records.pipe(handle(async value => (await held, `${value}`), { concurrency: 100 })),
      sink: memorySink<string>(),
      onFailure: 'halt',
    })
    const run = pipeline.start({ clock })
    kafka.produce('t/0', texts(0, 10))
    await clock.advance(600)
    const [member] = kafka.members
    member!.isSilent = true
    member!.isForgotten = true
    member!.wake()
    await clock.advance(100)
    release()
    await clock.advance(1_000)
    expect(kafka.group('g').commits).toEqual([])
    await clock.until(run.abort())
  })

  test('heartbeats go on while the window is full, and a rebalance waits for no more than 5 s', async () => {
    const { clock, kafka, source } = world({}, 1)
    const pipeline = definePipeline({
      name: 'p',
      source: source(),
      steps: records => records.pipe(handle(() => new Promise<string>(() => {}), { concurrency: 100 })),
      sink: { ...memorySink<string>(), batch: { maxRecords: 4 } },
      limits: { maxInFlight: 4 },
      onFailure: 'halt',
    })
    const run = pipeline.start({ clock })
    kafka.produce('t/0', texts(0, 50))
    await clock.advance(20_000)
    const [member] = kafka.members
    expect(member!.heartbeats).toBeGreaterThanOrEqual(5)
    expect(member!.fetches).toBeLessThan(5)
    expect(run.snapshot().inFlight).toBeLessThanOrEqual(4)
    const { generation } = member!
    kafka.group('g').rebalance()
    await clock.advance(3_000 + 5_000 + 100)
    expect(member!.generation).toBeGreaterThan(generation)
    await clock.until(run.abort())
  })
})

describe('commits', () => {
  test('a refused commit is computed anew', async () => {
    const { clock, kafka, pipeline } = world({ commitEveryMs: 1_000 })
    const run = pipeline.start({ clock })
    await clock.advance(50)
    kafka.group('g').refuse = 1
    kafka.produce('t/0', texts(0, 10))
    await clock.advance(1_100)
    kafka.produce('t/0', texts(10, 20))
    await clock.advance(2_000)
    expect(kafka.group('g').commits.map(({ offsets, isRefused }) => [offsets[0]!.offset, isRefused])).toEqual([
      [10, true],
      [20, false],
    ])
    await clock.until(run.stop())
  })

  test('a commit refused for good ends the run', async () => {
    const { clock, kafka, pipeline } = world()
    const run = pipeline.start({ clock })
    kafka.group('g').refuse = 9
    kafka.group('g').refusalError = refusal('GROUP_AUTHORIZATION_FAILED', false)
    kafka.produce('t/0', texts(0, 10))
    await expect(clock.until(run.finished)).rejects.toMatchObject({ cause: { message: 'GROUP_AUTHORIZATION_FAILED' } })
  })

  test('no commit passes what is not settled, in whatever order records settle', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 5, maxLength: 40 }), async waits => {
        const { clock, kafka, source } = world({ commitEveryMs: 20 })
        const open = new Set(waits.keys())
        const pipeline = definePipeline({
          name: 'p',
          source: source(),
          steps: records =>
            records.pipe(
              handle(
                async value => {
                  const n = Number(Buffer.from(value!).toString())
                  await new Promise<void>(resolve => void clock.after(waits[n]!, resolve))
                  open.delete(n)
                  return `${n}`
                },
                { concurrency: 50 },
              ),
            ),
          sink: memorySink<string>(),
          onFailure: 'halt',
        })
        const run = pipeline.start({ clock })
        kafka.produce('t/0', texts(0, waits.length))
        for (let i = 0; i < 60; i++) {
          await clock.advance(20)
          const first = Math.min(waits.length, ...open)
          expect(kafka.group('g').committed.get('t/0') ?? 0).toBeLessThanOrEqual(first)
        }
        await clock.until(run.stop())
        expect(kafka.group('g').committed.get('t/0')).toBe(waits.length)
      }),
      { numRuns: 15 },
    )
  })
})

describe('holes', () => {
  test('control records alone and compacted offsets are passed, and committed', async () => {
    const { clock, kafka, sink, pipeline } = world()
    kafka.batchSize = 3
    for (let i = 0; i < 6; i++) {
      kafka.produce('t/0', texts(i * 4, i * 4 + 4))
      kafka.control('t/0', 5)
    }
    kafka.compact('t/0', offset => offset % 3 !== 1)
    const run = pipeline.start({ clock })
    await clock.advance(10_000)
    expect(sink.rows).toHaveLength(18)
    expect(kafka.members[0]!.fetches).toBeLessThan(100)
    expect(kafka.group('g').committed.get('t/0')).toBe(54)
    await clock.until(run.stop())
  })

  test.each(['fail', 'continue'] as const)('removed by retention before the start: %s', async onRemoved => {
    const { clock, kafka, sink, pipeline } = world({ onRemoved })
    kafka.produce('t/0', texts(0, 20))
    kafka.group('g').committed.set('t/0', 3)
    kafka.removeBefore('t/0', 8)
    const run = pipeline.start({ clock })
    if (onRemoved === 'fail')
      return expect(clock.until(run.finished)).rejects.toMatchObject({ code: 'MILL_OFFSETS_REMOVED', details: { from: 3, to: 7 } })
    await clock.advance(2_000)
    expect(sink.rows).toEqual(texts(8, 20))
    await clock.until(run.stop())
  })

  test('a group beyond the end of its partition is told', async () => {
    const { clock, kafka, pipeline } = world()
    kafka.group('g').committed.set('t/0', 3)
    await expect(clock.until(pipeline.start({ clock }).finished)).rejects.toMatchObject({ code: 'MILL_OFFSET_OUT_OF_RANGE' })
  })
})

describe('a batch that cannot be read', () => {
  const fault = new Error('the batch at offsets 3 to 5 cannot be read')
  const broken = { value: Buffer.from('packed'), fault }

  test('ends the run, and what stands before is committed', async () => {
    const { clock, kafka, sink, pipeline } = world()
    kafka.produce('t/0', texts(0, 20))
    const run = pipeline.start({ clock })
    await clock.advance(200)
    kafka.produce('t/0', [broken, '21'])
    await expect(clock.until(run.finished)).rejects.toMatchObject({ cause: fault })
    expect(sink.rows).toEqual(texts(0, 20))
    expect(kafka.group('g').committed.get('t/0')).toBe(20)
  })

  test('goes into quarantine as one record where that is asked for, and what stands around it is read', async () => {
    const made = world({ onUnreadable: 'quarantine' })
    const quarantine = memoryQuarantine()
    const pipeline = definePipeline({
      name: 'p',
      source: made.source(),
      steps: records => records.pipe(transform(value => `${Buffer.from(value!)}`)),
      sink: made.sink,
      onFailure: quarantine,
    })
    made.kafka.produce('t/0', ['0', broken, '2'])
    const run = pipeline.start({ clock: made.clock })
    await made.clock.advance(3_000)
    expect(made.sink.rows).toEqual(['0', '2'])
    const entries = []
    for await (const entry of quarantine.list()) entries.push(entry)
    expect(entries).toMatchObject([{ stage: 'read', error: { message: fault.message }, origin: { partition: 't/0', position: 1 } }])
    expect(`${Buffer.from(entries[0]!.raw)}`).toBe('packed')
    expect(made.kafka.group('g').committed.get('t/0')).toBe(3)
    await made.clock.until(run.stop())
  })
})

describe('crashes', () => {
  test('a fresh member goes on where the group stands', async () => {
    const { clock, kafka, sink, pipeline } = world()
    const run = pipeline.start({ clock })
    kafka.produce('t/0', texts(0, 10))
    await clock.advance(3_000)
    kafka.joinErrors = [refusal('away'), refusal('away')]
    kafka.members[0]!.crash(refusal('the broker is gone'))
    kafka.produce('t/0', texts(10, 20))
    await clock.advance(20_000)
    expect(kafka.members).toHaveLength(2)
    expect(sink.rows).toEqual(texts(0, 20))
    await clock.until(run.stop())
    expect(clock.pending).toBe(0)
  })

  test('a member that crashes as soon as it has joined is replaced ever more slowly', async () => {
    const { clock, kafka, pipeline } = world()
    const joins: number[] = []
    const push = kafka.members.push.bind(kafka.members)
    kafka.members.push = member => {
      joins.push(clock.now())
      void member.started.then(() => member.crash(refusal('the fetch was refused')))
      return push(member)
    }
    const run = pipeline.start({ clock })
    await clock.advance(60_000)
    const pauses = joins.slice(1).map((at, i) => at - joins[i]!)
    // 0.1 s, 0.2 s, … up to 10 s, each shortened by half at most.
    expect(joins.length).toBeLessThan(30)
    expect(pauses.slice(8).every(pause => pause >= 5_000)).toBe(true)
    await clock.until(run.abort())
  })

  test.each([
    ['was well for half a minute', 31_000, 0],
    ['brought something to its end', 3_000, 5],
  ])('a member that %s is replaced at once', async (_, ms, records) => {
    const { clock, kafka, pipeline } = world()
    const run = pipeline.start({ clock })
    for (let i = 0; i < 8; i++) {
      await clock.advance(ms)
      if (records > 0) {
        kafka.produce('t/0', texts(0, records))
        await clock.advance(2_000)
      }
      const members = kafka.members.length
      kafka.members.at(-1)!.crash(refusal('the broker is gone'))
      await clock.advance(150)
      expect(kafka.members).toHaveLength(members + 1)
    }
    await clock.until(run.stop())
  })

  test('an error that waiting does not cure ends the run', async () => {
    const { clock, kafka, pipeline } = world()
    const run = pipeline.start({ clock })
    await clock.advance(1_000)
    kafka.members[0]!.crash(refusal('SASL authentication failed', false))
    await expect(clock.until(run.finished)).rejects.toMatchObject({ cause: { message: 'SASL authentication failed' } })
  })

  test('a member that fetches no more is replaced', async () => {
    const { clock, kafka, sink, pipeline } = world({ sessionTimeoutMs: 6_000 })
    const run = pipeline.start({ clock })
    await clock.advance(1_000)
    kafka.members[0]!.isSilent = true
    await clock.advance(1_000)
    kafka.produce('t/0', texts(0, 10))
    await clock.advance(30_000)
    expect(kafka.members).toHaveLength(2)
    expect(sink.rows).toEqual(texts(0, 10))
    await clock.until(run.stop())
  })
})

describe('with a ledger', () => {
  const ledgered = (groupId: string, store = memoryStore()) => {
    const made = world({ groupId })
    const sink = memorySink<string>({ ledger: true, store })
    const pipeline = () =>
      definePipeline({
        name: 'p',
        source: kafkaSourceOn(made.kafka.driver, { topics: ['t'], groupId }, made.clock),
        steps: records => records.pipe(transform(value => `${Buffer.from(value!)}`)),
        sink,
        onFailure: 'halt',
      })
    return { ...made, sink, pipeline, store }
  }

  test('goes on at the first hole, whatever the group says', async () => {
    const { clock, kafka, sink, pipeline } = ledgered('g')
    kafka.produce('t/0', texts(0, 10))
    const first = pipeline().start({ clock })
    await clock.advance(2_000)
    await clock.until(first.stop())
    kafka.group('g').committed.set('t/0', 2)
    kafka.produce('t/0', texts(10, 20))
    const second = pipeline().start({ clock })
    await clock.advance(2_000)
    await clock.until(second.stop())
    expect(sink.rows).toEqual(texts(0, 20))
  })

  test('two groups under one name are told, and so is a topic made anew', async () => {
    const { clock, kafka, pipeline, store } = ledgered('g')
    kafka.produce('t/0', texts(0, 10))
    const first = pipeline().start({ clock })
    await clock.advance(2_000)
    await clock.until(first.stop())
    const other = ledgered('other', store)
    other.kafka.produce('t/0', texts(0, 10))
    await expect(other.clock.until(other.pipeline().start({ clock: other.clock }).finished)).rejects.toMatchObject({
      code: 'MILL_LEDGER_SHARED',
    })
    kafka.remake('t/0')
    await expect(clock.until(pipeline().start({ clock }).finished)).rejects.toMatchObject({ code: 'MILL_LEDGER_AHEAD' })
  })

  test('a topic made anew is told, also where it is longer than what was read', async () => {
    const { clock, kafka, pipeline } = ledgered('g')
    kafka.produce('t/0', texts(0, 10))
    const first = pipeline().start({ clock })
    await clock.advance(2_000)
    await clock.until(first.stop())
    kafka.remake('t/0')
    kafka.produce('t/0', texts(100, 150))
    await expect(clock.until(pipeline().start({ clock }).finished)).rejects.toMatchObject({
      code: 'MILL_LEDGER_AHEAD',
      message: expect.stringContaining('made anew'),
    })
  })

  /** Somebody else takes the partition over in the ledger, and goes away again. */
  async function takenByAnother(sink: ReturnType<typeof ledgered>['sink'], partition: string) {
    const other = await sink.open({ pipeline: 'p', log: silentLog, quarantine: 'halt' })
    await other.takeOver!('kafka', partition, null)
    await other.close?.()
  }

  test('a partition that was fenced is taken over again where the group says that it is ours, and nothing comes twice', async () => {
    const { clock, kafka, sink, pipeline } = ledgered('g')
    kafka.topic('t', 2)
    const run = pipeline().start({ clock })
    kafka.produce('t/0', texts(0, 10))
    kafka.produce('t/1', texts(100, 110))
    await clock.advance(2_000)
    await takenByAnother(sink, 't/0')
    kafka.produce('t/0', texts(10, 20))
    kafka.produce('t/1', texts(110, 120))
    await clock.advance(5_000)
    // The same member: what is in flight of the other partition is not given up.
    expect(kafka.members).toHaveLength(1)
    expect([...sink.rows].sort()).toEqual([...texts(0, 20), ...texts(100, 120)].sort())
    kafka.produce('t/0', texts(20, 25))
    await clock.advance(2_000)
    expect(sink.rows).toHaveLength(45)
    await clock.until(run.stop())
    expect(kafka.group('g').committed.get('t/0')).toBe(25)
  })

  test('a member that the group does not know any more gives a fenced partition up, and joins anew', async () => {
    const { clock, kafka, sink, pipeline } = ledgered('g')
    const run = pipeline().start({ clock })
    kafka.produce('t/0', texts(0, 10))
    await clock.advance(2_000)
    const [member] = kafka.members
    member!.isSilent = true
    member!.isForgotten = true
    await takenByAnother(sink, 't/0')
    kafka.produce('t/0', texts(10, 20))
    member!.isSilent = false
    await clock.advance(5_000)
    expect(sink.rows).toEqual(texts(0, 20))
    expect(run.snapshot().sources!['kafka']).toMatchObject({ member: 'member-2' })
    await clock.until(run.stop())
  })

  test('two that take a partition from each other by turns do so ever more slowly', async () => {
    const { clock, kafka, sink, pipeline } = ledgered('g')
    const run = pipeline().start({ clock })
    await clock.advance(1_000)
    for (let i = 0; i < 6; i++) {
      await takenByAnother(sink, 't/0')
      kafka.produce('t/0', texts(i, i + 1))
      await clock.advance(1_500)
    }
    expect(kafka.members.length).toBeGreaterThan(2)
    await clock.advance(20_000)
    expect(sink.rows).toEqual(texts(0, 6))
    await clock.until(run.stop())
  })
})

test('removed by retention while it runs', async () => {
  const { clock, kafka, sink, pipeline } = world({ onRemoved: 'continue' })
  const run = pipeline.start({ clock })
  kafka.produce('t/0', texts(0, 10))
  await clock.advance(600)
  kafka.members[0]!.pause([{ topic: 't', partition: 0 }])
  kafka.produce('t/0', texts(10, 30))
  kafka.removeBefore('t/0', 15)
  kafka.members[0]!.resume([{ topic: 't', partition: 0 }])
  await clock.advance(3_000)
  expect(sink.rows).toEqual([...texts(0, 10), ...texts(15, 30)])
  expect(kafka.group('g').committed.get('t/0')).toBe(30)
  await clock.until(run.stop())
})
