import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { systemClock } from '../core/clock.js'
import { errorReport } from '../core/error-report.js'
import { MillraceError } from '../core/errors.js'
import type { Failure, Quarantine, QuarantinedRecord, QuarantineEntry, QuarantineFilter } from '../core/quarantine.js'
import { version } from '../core/version.js'
import { type Behaviour, behaviourOn, type World, withSession } from './behaviour.js'
import { testFailure } from './failure.js'

/** A place where a quarantine keeps its entries. */
export interface QuarantineWorld extends World {
  /** Makes the quarantine anew, as a process that is started again would. */
  readonly quarantine: () => Quarantine
}

/** Options of the behaviours of a quarantine. */
export interface QuarantineBehaviourOptions {
  /** Called once a behaviour; it must start from nothing. */
  readonly prepare: () => Promise<QuarantineWorld>
}

/** What every quarantine must do, as tests. docs/components.md has the MUST behind each. */
export function quarantineBehaviours({ prepare }: QuarantineBehaviourOptions): readonly Behaviour[] {
  const on = (name: string, test: (world: QuarantineWorld) => Promise<void>): Behaviour => behaviourOn(prepare, name, test)
  return [...keeping(on), ...listing(on), ...releasing(on), ...restoring(on)]
}

type On = (name: string, test: (world: QuarantineWorld) => Promise<void>) => Behaviour

function keeping(on: On): Behaviour[] {
  return [
    on('opens, closes, and holds nothing at first', async world => {
      await put(world, [])
      assert.deepEqual(await listed(world), [])
    }),

    on('gives back what was put: bytes, key, headers, origin, error', async world => {
      const before = systemClock.now()
      const failures = varied()
      await put(world, failures)
      const entries = await listed(world)
      const after = systemClock.now()
      assert.equal(entries.length, failures.length)
      for (const [i, entry] of entries.entries()) assertKeeps(entry, failures[i]!, 'behaviours')
      // A second of grace: the moment may be that of a server.
      for (const { at } of entries)
        assert.ok(at >= before - 1_000 && at <= after + 1_000, `at is ${at}, it was put between ${before} and ${after}`)
    }),

    on('keeps every byte value, and the lack of bytes', async world => {
      const failures = [testFailure(0, { raw: Uint8Array.from({ length: 256 }, (_, i) => i) }), testFailure(1, { raw: new Uint8Array(0) })]
      await put(world, failures)
      await assertHolds(world, failures)
    }),

    on('keeps a megabyte, and what is said of a larger whole', async world => {
      const raw = Uint8Array.from({ length: 1024 * 1024 }, (_, i) => (i * 31 + (i >>> 8)) & 255)
      const rawSha256 = createHash('sha256').update(raw).update('and more').digest('hex')
      const failures = [testFailure(0, { raw }), testFailure(1, { raw, rawBytes: raw.byteLength + 8, rawSha256 })]
      await put(world, failures)
      await assertHolds(world, failures)
    }),

    on('keeps text that stores refuse: NUL, lone surrogates, quotes', async world => {
      const failures = oddTexts.map((text, i) =>
        testFailure(i, {
          error: new Error(`refused: ${text}`, { cause: text }),
          key: Buffer.from(text),
          headers: [[text, Buffer.from(text)]],
          origin: { source: 'odd', partition: text, position: text, part: '' },
        }),
      )
      await put(world, failures)
      const entries = await listed(world)
      assert.equal(entries.length, failures.length)
      for (const [i, entry] of entries.entries()) {
        assert.deepEqual(Buffer.from(entry.raw), Buffer.from(failures[i]!.raw))
        assert.deepEqual(entry.key && Buffer.from(entry.key), Buffer.from(oddTexts[i]!))
        assert.ok(entry.error.message.startsWith('refused: '), entry.error.message)
        assert.equal(typeof entry.origin.partition, 'string')
      }
    }),

    on('keeps anything that can be thrown', async world => {
      const circular: { self?: unknown } = {}
      circular.self = circular
      const thrown = ['text', undefined, null, 7n, Symbol('s'), circular, Object.assign(new Error('e'), { details: circular })]
      const failures = thrown.map((error, i) => testFailure(i, { error, attempts: [{ at: 1, error }] }))
      await put(world, failures)
      assert.equal((await listed(world)).length, thrown.length)
    }),

    on('keeps thousands of one put, each with an id of its own', async world => {
      const failures = Array.from({ length: 2_500 }, (_, i) => testFailure(i))
      await put(world, failures)
      const entries = await listed(world)
      assert.equal(new Set(entries.map(({ id }) => id)).size, failures.length)
      assert.deepEqual(entries.map(positionOf), failures.map(positionOf))
    }),

    on('keeps all of several puts at once', async world => {
      await withSession(world.quarantine().open({ pipeline: 'behaviours' }), async session => {
        await Promise.all([0, 1, 2, 3].map(i => session.put([testFailure(2 * i), testFailure(2 * i + 1)])))
      })
      assert.deepEqual((await listed(world)).map(positionOf).sort(), ['0', '1', '2', '3', '4', '5', '6', '7'])
    }),

    on('a record that fails again has one entry, the last, under a new id', async world => {
      await put(world, [testFailure(1), testFailure(2)])
      const [first] = await listed(world)
      await put(world, [testFailure(1, { stage: 'write', error: new RangeError('again') })])
      const entries = await listed(world)
      assert.deepEqual(
        entries.map(entry => [positionOf(entry), entry.stage, entry.error.message]),
        [
          ['2', 'handle', '2 is wrong'],
          ['1', 'write', 'again'],
        ],
      )
      assert.notEqual(entries[1]!.id, first!.id)
      // As a replay does that has put it anew: the entry must stay.
      await world.quarantine().release([first!.id])
      assert.equal((await listed(world)).length, 2)
    }),

    on('a record twice in one put has one entry, the last', async world => {
      await put(world, [testFailure(1), testFailure(2), testFailure(1, { stage: 'write' })])
      assert.deepEqual(
        (await listed(world)).map(entry => [positionOf(entry), entry.stage]),
        [
          ['2', 'handle'],
          ['1', 'write'],
        ],
      )
    }),

    on('other bytes, another part, position or pipeline are another record', async world => {
      const origin = { source: 'source', partition: '0', position: 1, part: '' }
      const others = [
        testFailure(1, { raw: Buffer.from('replaced') }),
        testFailure('1', { raw: testFailure(1).raw }),
        testFailure(1, { origin: { ...origin, part: '0' } }),
      ]
      await put(world, [testFailure(1)])
      await put(world, others)
      await put(world, [testFailure(1)], 'another')
      assert.equal((await listed(world)).length, 5)
    }),

    on('is durable when put resolves', world =>
      withSession(world.quarantine().open({ pipeline: 'behaviours' }), async session => {
        await session.put([testFailure(1)])
        await assertHolds(world, [testFailure(1)])
      }),
    ),

    on('survives being opened again', async world => {
      await put(world, [testFailure(1)])
      await put(world, [testFailure(2)])
      await assertHolds(world, [testFailure(1), testFailure(2)])
    }),

    on('closes twice without harm', world =>
      withSession(world.quarantine().open({ pipeline: 'behaviours' }), async session => {
        await session.put([testFailure(1)])
        await session.close?.()
      }),
    ),
  ]
}

function listing(on: On): Behaviour[] {
  return [
    on('lists by stage, code, pipeline, and all of them together', async world => {
      const coded = new MillraceError('MILL_JOIN_EMPTY', {})
      await put(world, [testFailure(0, { stage: 'decode' }), testFailure(1, { stage: 'handle', error: coded })], 'one')
      await put(world, [testFailure(2, { stage: 'handle' }), testFailure(3, { stage: 'write', error: coded })], 'two')
      const positions = async (filter: QuarantineFilter) => (await listed(world, filter)).map(positionOf)
      assert.deepEqual(await positions({ stage: 'handle' }), ['1', '2'])
      assert.deepEqual(await positions({ code: 'MILL_JOIN_EMPTY' }), ['1', '3'])
      assert.deepEqual(await positions({ pipeline: 'two' }), ['2', '3'])
      assert.deepEqual(await positions({ pipeline: 'two', stage: 'write', code: 'MILL_JOIN_EMPTY' }), ['3'])
      assert.deepEqual(await positions({ pipeline: 'three' }), [])
      assert.deepEqual(await positions({}), ['0', '1', '2', '3'])
    }),

    on('lists from since, up to and without until', async world => {
      await put(world, [testFailure(1)])
      const [entry] = await listed(world)
      const at = entry!.at
      const found = async (filter: QuarantineFilter) => (await listed(world, filter)).length
      assert.equal(await found({ since: new Date(at) }), 1)
      assert.equal(await found({ since: new Date(at + 1) }), 0)
      assert.equal(await found({ until: new Date(at + 1) }), 1)
      assert.equal(await found({ until: new Date(at) }), 0)
      assert.equal(await found({ since: new Date(at - 1), until: new Date(at + 1) }), 1)
    }),

    on('lists pipelines of all names', async world => {
      await put(world, [testFailure(1)], "it's a/pipeline")
      await put(world, [testFailure(2)], '__proto__')
      assert.deepEqual((await listed(world, { pipeline: "it's a/pipeline" })).map(positionOf), ['1'])
      assert.deepEqual(
        (await listed(world)).map(({ pipeline }) => pipeline),
        ["it's a/pipeline", '__proto__'],
      )
    }),

    on('lists what was there when the listing began', async world => {
      await put(
        world,
        Array.from({ length: 300 }, (_, i) => testFailure(i)),
      )
      let seen = 0
      for await (const entry of world.quarantine().list()) {
        seen++
        // As a replay does whose records fail again.
        await put(world, [testFailure(`again ${positionOf(entry)}`)])
        await world.quarantine().release([entry.id])
        assert.ok(seen <= 300, 'the listing found an entry that was put after it began')
      }
      assert.equal(seen, 300)
      assert.equal((await listed(world)).length, 300)
    }),

    on('a listing may be left early', async world => {
      await put(
        world,
        Array.from({ length: 50 }, (_, i) => testFailure(i)),
      )
      for await (const entry of world.quarantine().list()) {
        assert.equal(positionOf(entry), '0')
        break
      }
      assert.equal((await listed(world)).length, 50)
    }),
  ]
}

function releasing(on: On): Behaviour[] {
  return [
    on('releases what is named, and nothing else', async world => {
      await put(world, [testFailure(0), testFailure(1), testFailure(2)])
      const [first, , last] = await listed(world)
      await world.quarantine().release([first!.id, last!.id])
      assert.deepEqual((await listed(world)).map(positionOf), ['1'])
    }),

    on('passes over ids that are unknown or released before', async world => {
      await put(world, [testFailure(0), testFailure(1)])
      const [first] = await listed(world)
      await world.quarantine().release([first!.id])
      await world.quarantine().release([first!.id, 'no such id', '', "'", '99999999999999999999'])
      await world.quarantine().release([])
      assert.deepEqual((await listed(world)).map(positionOf), ['1'])
    }),

    on('an id is not given again', async world => {
      await put(world, [testFailure(0)])
      const [first] = await listed(world)
      await world.quarantine().release([first!.id])
      await put(world, [testFailure(1)])
      const [second] = await listed(world)
      assert.notEqual(second!.id, first!.id)
    }),
  ]
}

function restoring(on: On): Behaviour[] {
  const withoutId = ({ id: _, ...record }: QuarantineEntry): QuarantinedRecord => record
  const restore = (world: QuarantineWorld, records: readonly QuarantinedRecord[]): Promise<void> | undefined =>
    world.quarantine().restore?.(records)
  return [
    on('restore: takes whole entries in, and changes nothing of them', async world => {
      await put(world, varied(), 'one')
      await put(world, [testFailure(9, { raw: Uint8Array.of(0, 255) })], "it's two")
      const before = await listed(world)
      const records = before.map(withoutId).map((record, i) => ({ ...record, at: 1_500_000_000_000 + i, version: '0.0.1' }))
      await world.quarantine().release(before.map(({ id }) => id))
      await restore(world, records)
      if (world.quarantine().restore === undefined) return
      assert.deepEqual((await listed(world)).map(withoutId).map(comparable), records.map(comparable))
      assert.equal((await listed(world, { until: new Date(1_500_000_000_001) })).length, 1)
    }),

    on('restore: replaces the entry of the same record, and keeps the others', async world => {
      await put(world, [testFailure(1), testFailure(2)])
      const [first] = await listed(world)
      await restore(world, [{ ...withoutId(first!), stage: 'write' }])
      if (world.quarantine().restore === undefined) return
      assert.deepEqual(
        (await listed(world)).map(entry => [positionOf(entry), entry.stage]),
        [
          ['2', 'handle'],
          ['1', 'write'],
        ],
      )
    }),

    on('restore: takes nothing, and many', async world => {
      await put(world, [testFailure(0)])
      const [only] = await listed(world)
      await restore(world, [])
      const records = Array.from({ length: 600 }, (_, i) => ({ ...withoutId(only!), origin: { ...only!.origin, position: i + 1 } }))
      await restore(world, records)
      if (world.quarantine().restore === undefined) return
      assert.deepEqual(
        (await listed(world)).map(positionOf),
        Array.from({ length: 601 }, (_, i) => String(i)),
      )
    }),
  ]
}

/** Bytes as hexadecimal, so that kinds of arrays do not count. */
const comparable = ({ raw, key, headers, ...rest }: QuarantinedRecord): unknown => ({
  ...(plain(rest) as object),
  raw: Buffer.from(raw).toString('hex'),
  key: key && Buffer.from(key).toString('hex'),
  headers: headerBytes(headers),
})

const oddTexts = [
  'a\0b',
  'lone \ud800 high',
  'lone \udc00 low',
  `quotes ' " \\ ; --`,
  'line\r\nline',
  '\u2028',
  '{"a":1}',
  '\\u0000',
  'ü 🦀',
]

/** Failures that differ in all that an entry keeps. */
function varied(): Failure[] {
  const cause = Object.assign(new Error('duplicate key'), { code: '23505', details: { sqlstate: '23505', constraint: 'people_pkey' } })
  const refused = new MillraceError(
    'MILL_DATABASE_REFUSED',
    { database: 'd', sqlstate: '23505', reason: 'twice', constraint: 'c' },
    { cause },
  )
  return [
    testFailure(0),
    testFailure(1, {
      error: refused,
      stage: 'write',
      attempts: [
        { at: 1_700_000_000_001, error: cause },
        { at: 1_700_000_000_999, error: refused },
      ],
    }),
    testFailure(2, {
      key: Uint8Array.of(0, 255),
      headers: [
        ['a', Uint8Array.of(1)],
        ['b', Uint8Array.of(0, 254)],
        ['a', new Uint8Array(0)],
      ],
    }),
    testFailure(3, {
      key: new Uint8Array(0),
      origin: { source: 's', partition: 'in/a.ndjson', position: Number.MAX_SAFE_INTEGER, part: '3.0' },
    }),
    testFailure('id-4', { origin: { source: 's', partition: '0', position: '17', part: 'join' }, timestamp: 0 }),
  ]
}

function put(world: QuarantineWorld, failures: readonly Failure[], pipeline = 'behaviours'): Promise<void> {
  return withSession(world.quarantine().open({ pipeline }), session => session.put(failures))
}

async function listed(world: QuarantineWorld, filter?: QuarantineFilter): Promise<QuarantineEntry[]> {
  const entries: QuarantineEntry[] = []
  for await (const entry of world.quarantine().list(filter)) entries.push(entry)
  return entries
}

async function assertHolds(world: QuarantineWorld, failures: readonly Failure[]): Promise<void> {
  const entries = await listed(world)
  assert.equal(entries.length, failures.length)
  for (const [i, entry] of entries.entries()) assertKeeps(entry, failures[i]!, 'behaviours')
}

function assertKeeps(entry: QuarantineEntry, failure: Failure, pipeline: string): void {
  const { raw, rawBytes, rawSha256, key, headers, origin, stage, timestamp, attempts, error } = failure
  assert.ok(typeof entry.id === 'string' && entry.id !== '')
  assert.deepEqual(Buffer.from(entry.raw), Buffer.from(raw))
  assert.deepEqual(
    [entry.rawBytes, entry.rawSha256, entry.stage, entry.timestamp, entry.pipeline, entry.version],
    [rawBytes, rawSha256, stage, timestamp, pipeline, version],
  )
  assert.deepEqual(entry.key && Buffer.from(entry.key), key && Buffer.from(key))
  assert.deepEqual(headerBytes(entry.headers), headerBytes(headers))
  const { source, partition, position, part } = entry.origin
  // A position of text must not come back as a number: '17' and 17 are two records.
  assert.deepEqual({ source, partition, position, part }, origin)
  assert.deepEqual(plain(entry.error), plain(errorReport(error)))
  assert.deepEqual(plain(entry.attempts), plain(attempts.map(({ at, error }) => ({ at, error: errorReport(error) }))))
}

const positionOf = ({ origin }: Pick<Failure, 'origin'>): string => String(origin.position)

const headerBytes = (headers: Failure['headers']) => headers.map(([name, value]) => [name, Buffer.from(value).toString('hex')])

/** As JSON gives it back: without members that are undefined. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
