import assert from 'node:assert/strict'
import { isRetryable } from '../core/retryable.js'
import { BatchError, CoveredError } from '../core/sink.js'
import { type Behaviour, behaviourOn, rejection } from './behaviour.js'
import { ledgerBehaviours } from './sink-ledger-behaviours.js'
import { assertRows, type OnSink, OpenSink, type SinkBehaviourOptions, type SinkWorld, span, withSink } from './sink-world.js'

/**
 * What every sink must do, as tests; with `ledger: true` what a sink with a ledger must do beside it. docs/components.md has the MUST behind each.
 *
 * ```ts
 * const options = { prepare: async () => ({ sink: () => mySink(…), rows: async () => … }), row: n => ({ id: n }) }
 * for (const { name, run } of sinkBehaviours(options)) test(name, run)
 * ```
 */
export function sinkBehaviours<T>(options: SinkBehaviourOptions<T>): readonly Behaviour[] {
  const on = (name: string, test: (world: SinkWorld<T>) => Promise<void>): Behaviour => behaviourOn(options.prepare, name, test)
  return [
    ...writing(on, options),
    ...(options.bad ? refusing(on, options) : []),
    ...(options.goesAway ? leaving(on, options) : []),
    ...(options.ledger ? ledgerBehaviours(on, options) : []),
  ]
}

function writing<T>(on: OnSink<T>, options: SinkBehaviourOptions<T>): Behaviour[] {
  return [
    on('opens, and closes without a write', async world => {
      await withSink(world, options, async () => {})
      await assertRows(world, options, [])
    }),

    on('writes every row of a batch', async world => {
      await withSink(world, options, open => open.write({ rows: span(0, 10) }))
      await assertRows(world, options, span(0, 10))
    }),

    on('is durable when write resolves', world =>
      withSink(world, options, async open => {
        await open.write({ rows: [0] })
        await assertRows(world, options, [0])
        await open.write({ rows: [1, 2] })
        await assertRows(world, options, [0, 1, 2])
      }),
    ),

    on('writes thousands of rows of one batch', async world => {
      await withSink(world, options, open => open.write({ rows: span(0, 3_000) }))
      await assertRows(world, options, span(0, 3_000))
    }),

    on('adds to what was written before it was opened', async world => {
      await withSink(world, options, open => open.write({ rows: [0] }))
      await withSink(world, options, open => open.write({ rows: [1] }))
      await assertRows(world, options, [0, 1])
    }),

    on('opens again after it was closed', async world => {
      const sink = world.sink()
      for (const n of [0, 1]) {
        const open = await OpenSink.open(sink, options, world.quarantine?.() ?? 'halt')
        try {
          await open.write({ rows: [n] })
        } finally {
          await open.close()
        }
      }
      await assertRows(world, options, [0, 1])
    }),

    on('bears as many writes at once as it says', async world => {
      const writes = world.sink().maxConcurrentWrites ?? 1
      await withSink(world, options, open =>
        Promise.all(Array.from({ length: writes }, (_, i) => open.write({ rows: span(i * 50, i * 50 + 50) }))),
      )
      await assertRows(world, options, span(0, writes * 50))
    }),

    on('the same record again changes nothing where it says that it overwrites', async world => {
      if (world.sink().overwrites !== true || options.ledger) return
      await withSink(world, options, async open => {
        await open.write({ rows: [0, 1] })
        await open.write({ rows: [1, 2] })
      })
      await assertRows(world, options, [0, 1, 2])
    }),

    on('ends a write that is aborted', world =>
      withSink(world, options, async open => {
        const aborted = AbortSignal.abort(new Error('aborted by the test'))
        // It may have been written, or not: but it must end.
        await open.write({ rows: [0] }, aborted).catch(error => assert.ok(!(error instanceof assert.AssertionError), error))
      }),
    ),

    on('closes twice without harm', async world => {
      const open = await OpenSink.open(world.sink(), options, world.quarantine?.() ?? 'halt')
      await open.write({ rows: [0] })
      await open.close()
      await open.close()
    }),
  ]
}

function refusing<T>(on: OnSink<T>, options: SinkBehaviourOptions<T>): Behaviour[] {
  /** Writes as the run does: what `check` refuses is left out, what a BatchError names too; the numbers that were refused. */
  const writeGood = (open: OpenSink<T>, rows: readonly number[], bad: readonly number[]) =>
    refusedOf(open, rows, bad, options.ledger === true)
  return [
    on('names the bad rows by their index, and only them', async world => {
      const refused = await withSink(world, options, open => writeGood(open, [0, 2, 3, 5], [1, 4]))
      assert.deepEqual(refused, [1, 4])
      await assertRows(world, options, [0, 2, 3, 5])
    }),

    on('names one bad row among a thousand', async world => {
      const rows = span(0, 1_000).filter(n => n !== 617)
      const refused = await withSink(world, options, open => writeGood(open, rows, [617]))
      assert.deepEqual(refused, [617])
      await assertRows(world, options, rows)
    }),

    on('names all rows where all are bad', async world => {
      const refused = await withSink(world, options, open => writeGood(open, [], [0, 1, 2]))
      assert.deepEqual(refused, [0, 1, 2])
      await assertRows(world, options, [])
    }),

    on('writes on after a bad row', async world => {
      await withSink(world, options, async open => {
        await writeGood(open, [0], [1])
        await open.write({ rows: [2] })
      })
      await assertRows(world, options, [0, 2])
    }),
  ]
}

async function refusedOf<T>(open: OpenSink<T>, rows: readonly number[], bad: readonly number[], ledger: boolean): Promise<number[]> {
  const batch = open.batch({ rows, bad })
  const { good, refused } = open.checked(batch.records)
  const numbers = [...refused.keys()].map(record => record.origin.position as number)
  for (let records = good; records.length > 0 || ledger; ) {
    try {
      await open.writeBatch({ ...batch, records })
      break
    } catch (error) {
      if (!(error instanceof BatchError)) throw error
      assert.ok(error.failed.size > 0, 'a BatchError that names no record')
      for (const [index, reason] of error.failed) {
        assert.ok(index in records, `a BatchError names index ${index} of ${records.length} records`)
        assert.ok(reason !== undefined && !isRetryable(reason), 'the reason must be an error of the record, not of the infrastructure')
        numbers.push(records[index]!.origin.position as number)
      }
      // Without a ledger the others are durable now.
      if (!ledger) break
      records = records.filter((_, index) => !error.failed.has(index))
    }
  }
  return numbers.sort((a, b) => a - b)
}

function leaving<T>(on: OnSink<T>, options: SinkBehaviourOptions<T>): Behaviour[] {
  return [
    on('throws what is retryable while its place is away, and writes when it is back', world =>
      withSink(world, options, async open => {
        assert.ok(world.away, 'the options say goesAway, so the world needs away')
        await open.write({ rows: [0] })
        const comeBack = await world.away()
        try {
          const error = await rejection(open.write({ rows: [1] }), 'a write to a place that is away')
          assert.ok(isRetryable(error), `the error must say retryable: true, so that the run waits: ${String(error)}`)
        } finally {
          await comeBack()
        }
        await writeAgain(open, [1])
        await assertRows(world, options, [0, 1])
      }),
    ),
  ]
}

/** As the run does after an outcome that it does not know: again, until it is written or was before. */
async function writeAgain<T>(open: OpenSink<T>, rows: readonly number[]): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await open.write({ rows })
    } catch (error) {
      if (error instanceof CoveredError) return
      if (!isRetryable(error) || tries === 100) throw error
    }
  }
}
