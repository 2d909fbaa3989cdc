import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { delay, systemClock } from '../core/clock.js'
import { type HeaderPair, RecordHeaders } from '../core/headers.js'
import { type Behaviour, behaviourOn, within } from './behaviour.js'
import { nextAfter, OpenSource, type Read, type SourceBehaviourOptions, type SourceRecord, type SourceWorld } from './source-world.js'

/**
 * What every source must do, as tests. docs/components.md has the MUST behind each.
 *
 * ```ts
 * const options = { prepare: async records => ({ source: () => mySource(…) }), value: n => Buffer.from(`{"n":${n}}`) }
 * for (const { name, run } of sourceBehaviours(options)) test(name, run)
 * ```
 *
 * Both kinds of sources are taken. What a source does not offer (keys, headers, several partitions, an end) is left out of the list.
 */
export function sourceBehaviours<T>(options: SourceBehaviourOptions<T>): readonly Behaviour[] {
  const suite = new Suite(options)
  reading(suite)
  placing(suite)
  if (options.keys) carrying(suite, 'keeps keys, and the lack of one', keyOf)
  if (options.headers) carrying(suite, 'keeps headers: their order, repeats and bytes', headersOf)
  if (options.remembers ?? true) committing(suite)
  seeking(suite)
  if (options.endless) waiting(suite)
  else ending(suite)
  return suite.behaviours
}

class Suite<T> {
  readonly behaviours: Behaviour[] = []
  readonly timeoutMs: number

  constructor(readonly options: SourceBehaviourOptions<T>) {
    this.timeoutMs = options.timeoutMs ?? 10_000
  }

  /** Adds a behaviour on a world with `count` records. */
  add(name: string, count: number, test: (world: SourceWorld<T>, laid: readonly SourceRecord<T>[]) => Promise<void>): void {
    const laid = this.records(0, count)
    this.behaviours.push(
      behaviourOn(
        () => this.options.prepare(laid),
        name,
        world => test(world, laid),
      ),
    )
  }

  records(from: number, to: number): SourceRecord<T>[] {
    const { value, partitions = 1, keys = false, headers = false } = this.options
    return Array.from({ length: to - from }, (_, i) => {
      const n = from + i
      return {
        value: value(n),
        key: keys && n % 5 !== 4 ? `key ${n % 3} ü` : null,
        headers: headers ? testHeaders(n) : [],
        partition: n % partitions,
      }
    })
  }

  /** Opens a source made anew, and closes it after use. */
  async using<R>(
    world: SourceWorld<T>,
    use: (open: OpenSource<T>) => Promise<R>,
    ledgerAt: ReadonlyMap<string, number> | null = null,
  ): Promise<R> {
    const open = await within(this.timeoutMs, 'open', OpenSource.open(world.source(), this.timeoutMs, ledgerAt))
    try {
      return await use(open)
    } finally {
      await within(this.timeoutMs, 'close', open.close())
    }
  }
}

function reading<T>(suite: Suite<T>): void {
  suite.add('opens, and closes without having read', 3, world => suite.using(world, async () => {}))

  suite.add('closes twice without harm', 3, world =>
    suite.using(world, async open => {
      await open.take(1)
      await open.close()
    }),
  )

  suite.add('gives every record once, in order within its partition', 40, async (world, laid) => {
    const read = await suite.using(world, open => open.take(laid.length, 7))
    assertGives(world, read, laid)
  })

  suite.add('gives values as they are', 12, async (world, laid) => {
    const read = await suite.using(world, open => open.take(laid.length))
    const given = new Set(read.map(({ value }) => textOf(value)))
    for (const { value } of laid) assert.ok(given.has(textOf(value)), `the record ${textOf(value)} did not come back as it was`)
  })

  suite.add('gives at least one record, and no more than asked for', 30, world =>
    suite.using(world, async open => {
      for (let left = 30, limit = 1; left > 0; limit = (limit % 4) + 1) {
        const batch = await open.read(limit)
        assert.ok(batch !== null, `exhausted with ${left} records left`)
        assert.ok(batch.length > 0, 'a read gave an empty list; it must wait instead')
        assert.ok(batch.length <= limit, `a read gave ${batch.length} records, asked for were ${limit}`)
        left -= batch.length
      }
    }),
  )

  suite.add('gives thousands of records, each once', 3_000, async (world, laid) => {
    const read = await suite.using(world, open => open.take(laid.length, 256))
    assertGives(world, read, laid)
  })

  suite.add('loses nothing to an aborted read', 20, async (world, laid) => {
    const read = await suite.using(world, async open => {
      const before = await open.take(5)
      const aborted = await within(
        suite.timeoutMs,
        'an aborted read',
        open.read(5, AbortSignal.abort(new Error('aborted by the test'))).catch(() => []),
      )
      return [...before, ...(aborted ?? []), ...(await open.take(15 - (aborted ?? []).length))]
    })
    assertGives(world, read, laid)
  })

  suite.add('opens again after it was closed', 6, async (world, laid) => {
    const source = world.source()
    for (let i = 0; i < 2; i++) {
      const open = await OpenSource.open(source, suite.timeoutMs)
      try {
        assertGives(world, await open.take(laid.length), laid)
      } finally {
        await open.close()
      }
    }
  })
}

function placing<T>(suite: Suite<T>): void {
  suite.add('positions identify: they grow in a partition, or are ids', 40, async world => {
    const { commits } = world.source()
    const read = await suite.using(world, open => open.take(40, 9))
    if (commits === 'single') {
      const ids = read.map(({ partition, position }) => JSON.stringify([partition, String(position)]))
      assert.equal(new Set(ids).size, ids.length, 'two records have the same id')
      return
    }
    const reached = new Map<string, number>()
    for (const { partition, position, next } of read) {
      assert.ok(Number.isSafeInteger(position) && (position as number) >= 0, `position ${position} is not a safe integer from 0 up`)
      const before = reached.get(partition) ?? 0
      assert.ok(
        (position as number) >= before,
        `position ${position} of partition ${partition} lies before ${before}, where the last record ended`,
      )
      assert.ok(
        next === undefined || (Number.isSafeInteger(next) && next > (position as number)),
        `next ${next} is not beyond position ${position}`,
      )
      reached.set(partition, nextAfter({ position, ...(next !== undefined && { next }), value: null }))
    }
  })

  suite.add('a record keeps its position when it comes again', 25, async world => {
    const placesOf = (read: readonly Read<T>[]) => new Map(read.map(incoming => [textOf(incoming.value), placeOf(incoming)]))
    const first = placesOf(await suite.using(world, open => open.take(25)))
    const second = placesOf(await suite.using(world, open => open.take(25, 4)))
    assert.deepEqual(second, first)
  })

  suite.add('sizes and timestamps are numbers', 10, world =>
    suite.using(world, async open => {
      for (const { value, bytes, timestamp } of await open.take(10)) {
        if (!(value instanceof Uint8Array) && typeof value !== 'string' && value !== null)
          assert.ok(typeof bytes === 'number' && bytes >= 0, 'bytes must be given where the value is neither bytes nor text')
        assert.ok(timestamp === undefined || Number.isFinite(timestamp), `timestamp ${timestamp} is not in ms since 1970`)
      }
    }),
  )
}

function carrying<T>(suite: Suite<T>, name: string, part: (record: Pick<Read<T>, 'key' | 'headers'>) => unknown): void {
  suite.add(name, 15, async (world, laid) => {
    const read = await suite.using(world, open => open.take(laid.length))
    const given = new Map(read.map(incoming => [textOf(incoming.value), part(incoming)]))
    for (const record of laid) assert.deepEqual(given.get(textOf(record.value)), part(record))
  })
}

function committing<T>(suite: Suite<T>): void {
  suite.add('what was not committed comes again', 20, async (world, laid) => {
    await suite.using(world, open => open.take(20))
    assertGives(world, await suite.using(world, open => open.take(20)), laid)
  })

  suite.add('goes on behind the commit, and commits no more than it was told', 30, async (world, laid) => {
    const done = await suite.using(world, async open => {
      const read = await open.take(30)
      const done = read.slice(0, 12)
      await open.commit(done)
      return done
    })
    const rest = laid.filter(isNotAmong(done))
    assertGives(world, await suite.using(world, open => open.take(rest.length)), rest)
  })

  suite.add('a later commit adds to an earlier one', 30, async (world, laid) => {
    const done = await suite.using(world, async open => {
      const read = await open.take(20, 5)
      await open.commit(read.slice(0, 6))
      await open.commit(world.source().commits === 'single' ? read.slice(6, 14) : read.slice(0, 14))
      return read.slice(0, 14)
    })
    const rest = laid.filter(isNotAmong(done))
    assertGives(world, await suite.using(world, open => open.take(rest.length)), rest)
  })

  suite.add('commits again after it was opened again', 12, async (world, laid) => {
    const done: Read<T>[] = []
    for (let i = 0; i < 3; i++) {
      await suite.using(world, async open => {
        const read = await open.take(4)
        await open.commit(read)
        done.push(...read)
      })
    }
    assertGives(world, done, laid)
  })

  suite.add('takes a commit of nothing', 3, world => suite.using(world, open => open.commit([])))

  suite.add('a single source commits each position for itself', 10, async (world, laid) => {
    if (world.source().commits !== 'single') return
    const done = await suite.using(world, async open => {
      const read = await open.take(10)
      const done = read.filter((_, i) => i % 3 === 1)
      await open.commit(done)
      return done
    })
    const rest = laid.filter(isNotAmong(done))
    assertGives(world, await suite.using(world, open => open.take(rest.length)), rest)
  })
}

function seeking<T>(suite: Suite<T>): void {
  suite.add('with a ledger goes on where the ledger says', 30, async (world, laid) => {
    if (world.source().commits !== 'prefix') return
    const read = await suite.using(world, open => open.take(30), new Map())
    const done = read.slice(0, 13)
    const ledgerAt = new Map(done.map(incoming => [incoming.partition, nextAfter(incoming)]))
    await suite.using(
      world,
      async open => {
        const rest = laid.filter(isNotAmong(done))
        const again = await open.take(rest.length)
        // A source that never asks gives everything, and the run drops what is covered.
        if (open.context.assignedPartitions.length === 0) return
        assertGives(world, again, rest)
      },
      ledgerAt,
    )
  })

  suite.add('with a ledger forgets its own commits', 10, async (world, laid) => {
    if (world.source().commits !== 'prefix') return
    await suite.using(world, async open => open.commit(await open.take(6)))
    await suite.using(
      world,
      async open => {
        const first = await open.take(1)
        if (open.context.assignedPartitions.length === 0) return
        assertGives(world, [...first, ...(await open.take(laid.length - 1))], laid)
      },
      new Map(),
    )
  })
}

function ending<T>(suite: Suite<T>): void {
  suite.add('is exhausted by null at its end, and stays so', 5, world =>
    suite.using(world, async open => {
      await open.take(5)
      assert.equal(await open.read(), null)
      assert.equal(await open.read(), null)
    }),
  )

  suite.add('is exhausted at once where there is nothing', 0, world =>
    suite.using(world, async open => {
      assert.equal(await open.read(), null)
    }),
  )
}

function waiting<T>(suite: Suite<T>): void {
  const more = (world: SourceWorld<T>, records: readonly SourceRecord<T>[]) => {
    assert.ok(world.add, 'the options say endless, so the world needs add')
    return world.add(records)
  }

  suite.add('waits at its end without spinning, and reads what comes', 3, (world, laid) =>
    suite.using(world, async open => {
      const before = await open.take(3)
      const waits = open.read()
      const spent = process.cpuUsage()
      await delay(systemClock, WAIT_MS)
      const { user, system } = process.cpuUsage(spent)
      assert.ok((user + system) / 1_000 < WAIT_MS / 2, `waiting for ${WAIT_MS} ms took ${(user + system) / 1_000} ms of CPU time`)
      const added = suite.records(3, 9)
      await more(world, added)
      const after = [...((await waits) ?? [])]
      after.push(...(await open.take(6 - after.length)))
      assertGives(world, [...before, ...after], [...laid, ...added])
    }),
  )

  suite.add('ends a read that waits when it is aborted, and loses nothing', 2, (world, laid) =>
    suite.using(world, async open => {
      const before = await open.take(2)
      const abort = new AbortController()
      const waits = open.read(10, abort.signal).catch(() => [])
      abort.abort(new Error('aborted by the test'))
      const aborted = await within(suite.timeoutMs, 'an aborted read', waits)
      assert.notEqual(aborted, null, 'an aborted read said that the source is exhausted')
      const added = suite.records(2, 5)
      await more(world, added)
      assertGives(world, [...before, ...aborted!, ...(await open.take(3 - aborted!.length))], [...laid, ...added])
    }),
  )

  suite.add('waits where there is nothing yet', 0, world =>
    suite.using(world, async open => {
      const waits = open.read()
      const added = suite.records(0, 1)
      await more(world, added)
      assertGives(world, (await waits) ?? [], added)
    }),
  )
}

/** How long the suite watches a source wait, in ms: long enough for a busy loop to show. */
const WAIT_MS = 200

/** All of `laid`, each once; of a prefix source in the order in which each partition was laid. */
function assertGives<T>(world: SourceWorld<T>, read: readonly Read<T>[], laid: readonly SourceRecord<T>[]): void {
  assert.deepEqual(read.map(({ value }) => textOf(value)).sort(), laid.map(({ value }) => textOf(value)).sort())
  if (world.source().commits !== 'prefix') return
  const place = new Map(laid.map(({ value, partition }, i) => [textOf(value), { partition, i }]))
  const last = new Map<string, { readonly partition: number; readonly i: number }>()
  for (const { partition, value } of read) {
    const at = place.get(textOf(value))!
    const before = last.get(partition)
    assert.ok(before === undefined || before.partition === at.partition, `partition ${partition} mixes records of two partitions`)
    assert.ok(before === undefined || before.i < at.i, `partition ${partition} came out of order at ${textOf(value)}`)
    last.set(partition, at)
  }
}

function isNotAmong<T>(read: readonly Read<T>[]): (record: SourceRecord<T>) => boolean {
  const done = new Set(read.map(({ value }) => textOf(value)))
  return ({ value }) => !done.has(textOf(value))
}

const placeOf = ({ partition, position, next }: Read<unknown>): string => JSON.stringify([partition, position, next])

/** Bytes as base64, so that no two differ in bytes alone. */
const textOf = (value: unknown): string =>
  value instanceof Uint8Array
    ? Buffer.from(value).toString('base64')
    : inspect(value, { depth: null, maxStringLength: null, maxArrayLength: null })

const keyOf = ({ key }: Pick<Read<unknown>, 'key'>): string | null =>
  key instanceof Uint8Array ? Buffer.from(key).toString() : (key ?? null)

const headersOf = ({ headers }: Pick<Read<unknown>, 'headers'>): [string, string][] =>
  [...RecordHeaders.from(headers)].map(([name, value]) => [name, Buffer.from(value).toString('hex')])

const testHeaders = (n: number): HeaderPair[] =>
  n % 4 === 0
    ? []
    : [
        ['id', `${n}`],
        ['trace', Uint8Array.of(0, 255, n % 256)],
        ['id', `${n} again`],
        ['empty', ''],
      ]
