import assert from 'node:assert/strict'
import type { Failure, QuarantineEntry } from '../core/quarantine.js'
import { RangeSet, type Ranges } from '../core/ranges.js'
import { BatchError, type Cover, CoveredError, FencedError } from '../core/sink.js'
import { type Behaviour, rejection } from './behaviour.js'
import { testFailure } from './failure.js'
import {
  assertRows,
  coverOf,
  type OnSink,
  PARTITION,
  type SinkBehaviourOptions,
  type SinkWorld,
  SOURCE,
  span,
  withSink,
} from './sink-world.js'

/** What a sink that keeps a ledger must do beside what every sink must. Part of `sinkBehaviours`. */
export function ledgerBehaviours<T>(on: OnSink<T>, options: SinkBehaviourOptions<T>): Behaviour[] {
  return [
    ...covering(on, options),
    ...refusingCovered(on, options),
    ...fencing(on, options),
    ...(options.bad ? rollingBack(on, options) : []),
    ...(options.quarantine ? quarantining(on, options) : []),
  ]
}

function covering<T>(on: OnSink<T>, options: SinkBehaviourOptions<T>): Behaviour[] {
  return [
    on('ledger: a new partition has nothing covered', world => withSink(world, options, async open => assert.deepEqual(open.covered, []))),

    on('ledger: says at takeOver what was covered', async world => {
      await withSink(world, options, async open => {
        await open.write({ rows: span(0, 5) })
        await open.write({ rows: span(10, 15) })
        await open.write({ rows: span(5, 7) })
      })
      await withSink(world, options, async open => {
        assertRanges(open.covered, [
          [0, 7],
          [10, 15],
        ])
        await open.write({ rows: span(7, 10) })
      })
      await withSink(world, options, async open => assertRanges(open.covered, [[0, 15]]))
      await assertRows(world, options, span(0, 15))
    }),

    on('ledger: covers without rows', async world => {
      await withSink(world, options, open => open.write({ covers: [coverOf(open.epoch, span(3, 9))] }))
      await withSink(world, options, async open => assertRanges(open.covered, [[3, 9]]))
      await assertRows(world, options, [])
    }),

    on('ledger: covers gaps, also those that are covered', async world => {
      await withSink(world, options, async open => {
        await open.write({
          rows: [5],
          covers: [
            coverOf(open.epoch, [5], PARTITION, [
              [0, 5],
              [6, 8],
            ]),
          ],
        })
        await open.write({
          rows: [9],
          covers: [
            coverOf(open.epoch, [9], PARTITION, [
              [0, 5],
              [8, 9],
            ]),
          ],
        })
        await open.write({ covers: [coverOf(open.epoch, [], PARTITION, [[20, 30]])] })
      })
      await withSink(world, options, async open =>
        assertRanges(open.covered, [
          [0, 10],
          [20, 30],
        ]),
      )
    }),

    on('ledger: covers positions up to 2^53', async world => {
      const far = Number.MAX_SAFE_INTEGER - 1
      await withSink(world, options, open => open.write({ rows: [1], covers: [coverOf(open.epoch, [far])] }))
      await withSink(world, options, async open => assertRanges(open.covered, [[far, far + 1]]))
    }),

    on('ledger: covers several partitions of one write', async world => {
      await withSink(world, options, async open => {
        const other = await open.takeOver("it's/b")
        await open.write({ rows: [0, 1], covers: [coverOf(open.epoch, [0]), coverOf(other.epoch, [1], "it's/b")] })
      })
      await withSink(world, options, async open => {
        assertRanges(open.covered, [[0, 1]])
        assertRanges((await open.takeOver("it's/b")).covered, [[1, 2]])
      })
    }),

    on('ledger: writes of one partition may commit in any order', async world => {
      const writes = Math.max(2, world.sink().maxConcurrentWrites ?? 1)
      await withSink(world, options, async open => {
        for (let round = 0; round < 5; round++) {
          const from = round * writes * 10
          await Promise.all(
            span(0, writes)
              .reverse()
              .map(i => open.write({ rows: span(from + i * 10, from + i * 10 + 10) })),
          )
        }
      })
      await withSink(world, options, async open => assertRanges(open.covered, [[0, 50 * writes]]))
      await assertRows(world, options, span(0, 50 * writes))
    }),

    on('ledger: keeps pipelines apart', async world => {
      await withSink(world, options, open => open.write({ rows: [0] }), 'one')
      await withSink(
        world,
        options,
        async open => {
          assert.deepEqual(open.covered, [])
          await open.write({ rows: [1], covers: [coverOf(open.epoch, [0])] })
        },
        'two',
      )
      await assertRows(world, options, [0, 1])
    }),

    on('ledger: keeps the first mark of a partition', world =>
      withSink(world, options, async open => {
        assert.equal((await open.takeOver('b', 'first')).mark, 'first')
        const { epoch, mark } = await open.takeOver('b', 'second')
        // Nothing is covered yet, so the content may be another one.
        assert.equal(mark, 'second')
        await open.write({ rows: [0], covers: [coverOf(epoch, [0], 'b')] })
        assert.equal((await open.takeOver('b', 'third')).mark, 'second')
      }),
    ),
  ]
}

function refusingCovered<T>(on: OnSink<T>, options: SinkBehaviourOptions<T>): Behaviour[] {
  return [
    on('ledger: refuses what was delivered before, whole', async world => {
      await withSink(world, options, async open => {
        await open.write({ rows: span(0, 5) })
        const covers = await coveredError(open.write({ rows: span(0, 5) }))
        assertNames(covers, [[0, 5]])
      })
      await assertRows(world, options, span(0, 5))
    }),

    on('ledger: refuses a batch of which a part was delivered, and names that part', async world => {
      await withSink(world, options, async open => {
        await open.write({ rows: [2, 3, 7] })
        assertNames(await coveredError(open.write({ rows: span(0, 10) })), [
          [2, 4],
          [7, 8],
        ])
        await assertRows(world, options, [2, 3, 7])
        await open.write({ rows: [0, 1, 4, 5, 6, 8, 9] })
      })
      await withSink(world, options, async open => assertRanges(open.covered, [[0, 10]]))
      await assertRows(world, options, span(0, 10))
    }),

    on('ledger: refuses for one partition, and writes nothing of the other', async world => {
      await withSink(world, options, async open => {
        const b = await open.takeOver('b')
        await open.write({ rows: [0], covers: [coverOf(b.epoch, [0], 'b')] })
        const covers = await coveredError(open.write({ rows: [1, 2], covers: [coverOf(open.epoch, [1]), coverOf(b.epoch, [0], 'b')] }))
        assert.deepEqual(
          covers.map(({ partition }) => partition),
          ['b'],
        )
        assertRanges((await open.takeOver()).covered, [])
      })
      await assertRows(world, options, [0])
    }),

    on('ledger: refuses an id of a single source that was seen, and names it', async world => {
      const ids = (epoch: bigint, ...positions: string[]): Cover => ({ source: SOURCE, partition: PARTITION, epoch, positions, gaps: [] })
      await withSink(world, options, open => open.write({ rows: [0, 1], covers: [ids(open.epoch, 'a', "it's b")] }))
      await withSink(world, options, async open => {
        const covers = await coveredError(open.write({ rows: [2, 3], covers: [ids(open.epoch, 'c', "it's b")] }))
        assert.deepEqual(
          covers.map(({ positions }) => [...positions]),
          [["it's b"]],
        )
        await open.write({ rows: [2], covers: [ids(open.epoch, 'c')] })
      })
      await assertRows(world, options, [0, 1, 2])
    }),

    on('ledger: of two writes of the same positions at once, one is written', async world => {
      await withSink(world, options, async open => {
        for (let n = 0; n < 40; n += 2) {
          const both = await Promise.allSettled([open.write({ rows: [n, n + 1] }), open.write({ rows: [n, n + 1] })])
          const refused = both.filter(result => result.status === 'rejected')
          assert.equal(refused.length, 1, 'one of the two must be refused')
          assert.ok(refused[0]!.reason instanceof CoveredError, String(refused[0]!.reason))
        }
      })
      await assertRows(world, options, span(0, 40))
    }),
  ]
}

function fencing<T>(on: OnSink<T>, options: SinkBehaviourOptions<T>): Behaviour[] {
  return [
    on('ledger: a former owner is refused, and writes nothing', world =>
      withSink(world, options, async former => {
        await former.write({ rows: [0] })
        await withSink(world, options, async owner => {
          assert.ok(owner.epoch > former.epoch, 'the epoch must grow with each takeOver')
          assertRanges(owner.covered, [[0, 1]])
          await fencedError(former.write({ rows: [1] }), [PARTITION])
          await owner.write({ rows: [2] })
          await fencedError(former.write({ covers: [coverOf(former.epoch, [3])] }), [PARTITION])
        })
        await assertRows(world, options, [0, 2])
      }),
    ),

    on('ledger: names the partitions that were taken over, and writes nothing of the others', world =>
      withSink(world, options, async former => {
        const b = await former.takeOver('b')
        await withSink(world, options, async () => {})
        await fencedError(former.write({ rows: [0, 1], covers: [coverOf(former.epoch, [0]), coverOf(b.epoch, [1], 'b')] }), [PARTITION])
        await assertRows(world, options, [])
        await former.write({ rows: [1], covers: [coverOf(b.epoch, [1], 'b')] })
        await assertRows(world, options, [1])
      }),
    ),

    on('ledger: a former owner is told that it is fenced, also of what is covered', world =>
      withSink(world, options, async former => {
        await withSink(world, options, owner => owner.write({ rows: [0] }))
        await fencedError(former.write({ rows: [0] }), [PARTITION])
        await assertRows(world, options, [0])
      }),
    ),

    on('ledger: a takeOver during a write sees its rows, or fences it', world => takeOverDuringWrite(world, options)),
  ]
}

/** Twenty times: the old owner writes while the new one takes over; what is there must be what the new one was told. */
async function takeOverDuringWrite<T>(world: SinkWorld<T>, options: SinkBehaviourOptions<T>): Promise<void> {
  const there: number[] = []
  await withSink(world, options, async former => {
    for (let n = 0; n < 20; n++) {
      await former.takeOver()
      const write = former.write({ rows: [n] }).then(
        () => true,
        error => {
          assert.ok(error instanceof FencedError, `expected a FencedError, got ${String(error)}`)
          return false
        },
      )
      await withSink(world, options, async next => {
        const isWritten = await write
        assert.equal(
          RangeSet.of(next.covered).has(n),
          isWritten,
          `position ${n}: written ${isWritten}, covered ${JSON.stringify(next.covered)}`,
        )
        if (isWritten) there.push(n)
      })
    }
  })
  await assertRows(world, options, there)
}

function rollingBack<T>(on: OnSink<T>, options: SinkBehaviourOptions<T>): Behaviour[] {
  return [
    on('ledger: nothing is written with a bad row, nor covered', async world => {
      await withSink(world, options, async open => {
        const batch = open.batch({ rows: [0, 2], bad: [1] })
        // Refused before it is sent: then no transaction has to be undone.
        if (open.checked(batch.records).refused.size > 0) return
        const error = await rejection(open.writeBatch(batch), 'a batch with a bad row')
        assert.ok(error instanceof BatchError, String(error))
        assertRanges((await open.takeOver()).covered, [])
      })
      await assertRows(world, options, [])
    }),
  ]
}

function quarantining<T>(on: OnSink<T>, options: SinkBehaviourOptions<T>): Behaviour[] {
  return [
    on('ledger: failures of its scope are written with rows and covers', async world => {
      assertScope(world)
      await withSink(world, options, open => open.write({ rows: [0], failures: [failureAt(1)], covers: [coverOf(open.epoch, [0, 1])] }))
      await assertRows(world, options, [0])
      const [entry, ...more] = await entriesOf(world)
      assert.equal(more.length, 0)
      assert.equal(entry!.pipeline, 'behaviours')
      assert.equal(entry!.origin.position, 1)
      assert.deepEqual(Buffer.from(entry!.raw), Buffer.from('raw 1'))
      await withSink(world, options, async open => assertRanges(open.covered, [[0, 2]]))
    }),

    on('ledger: failures alone are written with their covers', async world => {
      await withSink(world, options, open => open.write({ failures: [failureAt(0), failureAt(1)], covers: [coverOf(open.epoch, [0, 1])] }))
      assert.equal((await entriesOf(world)).length, 2)
      await withSink(world, options, async open => assertRanges(open.covered, [[0, 2]]))
    }),

    on('ledger: failures of a refused write are not kept', async world => {
      await withSink(world, options, async former => {
        await former.write({ rows: [0] })
        await coveredError(former.write({ rows: [0], failures: [failureAt(1)], covers: [coverOf(former.epoch, [0, 1])] }))
        await withSink(world, options, async () => {})
        await fencedError(former.write({ rows: [2], failures: [failureAt(3)], covers: [coverOf(former.epoch, [2, 3])] }), [PARTITION])
      })
      assert.deepEqual(await entriesOf(world), [])
      await assertRows(world, options, [0])
    }),
  ]
}

function assertScope<T>(world: SinkWorld<T>): void {
  assert.ok(world.quarantine, 'the options say quarantine, so the world needs one')
  assert.ok(world.sink().scope !== undefined, 'the sink needs a scope')
  assert.equal(world.quarantine().scope, world.sink().scope, 'sink and quarantine must have the same scope')
}

async function entriesOf<T>(world: SinkWorld<T>): Promise<QuarantineEntry[]> {
  const entries: QuarantineEntry[] = []
  for await (const entry of world.quarantine!().list()) entries.push(entry)
  return entries
}

async function coveredError(write: Promise<unknown>): Promise<CoveredError['covers']> {
  const error = await rejection(write, 'a write of what was delivered before')
  assert.ok(error instanceof CoveredError, `expected a CoveredError, got ${String(error)}`)
  return error.covers
}

async function fencedError(write: Promise<unknown>, partitions: readonly string[]): Promise<void> {
  const error = await rejection(write, 'a write of a former owner')
  assert.ok(error instanceof FencedError, `expected a FencedError, got ${String(error)}`)
  assert.deepEqual(
    error.partitions.map(({ source, partition }) => [source, partition]),
    partitions.map(partition => [SOURCE, partition]),
  )
}

function assertNames(covers: CoveredError['covers'], ranges: Ranges): void {
  assert.deepEqual(
    covers.map(({ source, partition }) => [source, partition]),
    [[SOURCE, PARTITION]],
  )
  assertRanges(covers[0]!.positions as Ranges, ranges)
}

/** Ranges that hold the same numbers; a store may give them in another shape. */
function assertRanges(given: Ranges, wanted: Ranges): void {
  assert.deepEqual(RangeSet.of(given).toRanges(), RangeSet.of(wanted).toRanges())
}

function failureAt(position: number): Failure {
  const origin = { source: SOURCE, partition: PARTITION, position, part: '' }
  return testFailure(position, { origin, raw: Buffer.from(`raw ${position}`), error: new Error(`failed at ${position}`) })
}
