import type { Envelope } from '../core/envelope.js'
import type { RunFlow } from '../core/flow.js'
import type { Operator } from '../core/operator.js'
import { EnvelopeContext, type RecordContext, type Skipped, SkipReason } from '../core/record-context.js'
import { Handling } from './handling.js'
import { mustBeFunction, resultMissing } from './result.js'
import { type Exit, type Work, workOperator } from './work-operator.js'

/**
 * Makes each record many, which settle for it: it is delivered when all of them are, and each fails for itself.
 *
 * They are known by their index, so the same record must always give the same list: also after a restart and on a replay, which wants one of them.
 * None at all skips the record, and so does `return context.skip(reason)`. A throw fails it with stage `split`; neither an array nor an iterable
 * fails it with `MILL_RESULT_MISSING` (a string too: split into its characters it is seldom meant).
 *
 * Arrays and iterables are split at once and held whole. An async iterable is read one record at a time, in order, as the run has room, and
 * what it gives goes on at once; into a sink that keeps a ledger and does not overwrite it fails with `MILL_EXPAND_NEEDS_OVERWRITE`. When its
 * infrastructure is away it is asked for anew, with the next `attempt`, and what it has given before is passed over.
 */
export function split<In, Out>(fn: (value: In, context: RecordContext) => readonly Out[] | Iterable<Out> | Skipped): Operator<In, Out>
export function split<In, Out>(fn: (value: In, context: RecordContext) => AsyncIterable<Out> | Skipped): Operator<In, Out>
export function split<In, Out>(fn: (value: In, context: RecordContext) => unknown): Operator<In, Out> {
  mustBeFunction('split', fn)
  return workOperator('split', out => new Splitting<In, Out>(fn, out))
}

/** `Handling` with one record at a time, which it makes many. */
class Splitting<In, Out> implements Work<In> {
  private readonly handling: Handling<In, Out>
  private expansion: Expansion<Out> | null = null
  private isStopped = false

  constructor(
    private readonly fn: (value: In, context: RecordContext) => unknown,
    private readonly out: Exit<Out>,
  ) {
    this.handling = new Handling<In, Out>(
      {
        stage: 'split',
        run: (record, attempt) => this.run(record, attempt),
        concurrency: 1,
        order: 'source',
        keyOf: () => null,
        give: (record, result) => this.give(record, result),
      },
      out,
    )
  }

  get isIdle(): boolean {
    return this.handling.isIdle
  }

  take(record: Envelope<In>): void {
    this.handling.take(record)
  }

  stop(): void {
    this.isStopped = true
    this.handling.stop()
  }

  private run(record: Envelope<In>, attempt: number): unknown {
    const result = this.fn(record.value, new EnvelopeContext(record, attempt))
    if (Array.isArray(result)) return result
    if (isObject(result) && Symbol.iterator in result) return [...(result as Iterable<Out>)]
    if (isObject(result) && Symbol.asyncIterator in result) {
      if (attempt === 1) this.expansion = null
      return this.expand(record, result as AsyncIterable<Out>)
    }
    return result
  }

  private give(record: Envelope<In>, result: unknown): void {
    if (Array.isArray(result)) for (const child of record.split(result as Out[])) this.out.next(child)
    else if (result instanceof SkipReason) record.skip(result.reason)
    else if (result !== EXPANDED) record.fail(resultMissing('split', result, 'an array or an iterable'), 'split')
  }

  private async expand(record: Envelope<In>, values: AsyncIterable<Out>): Promise<typeof EXPANDED> {
    const flow = record.flow as RunFlow
    this.expansion ??= { target: record.expand<Out>(), given: 0 }
    const { expansion } = this
    const depth = record.origin.part === '' ? 0 : record.origin.part.split('.').length
    let passedOver = 0
    for await (const value of values) {
      if (this.isOver(flow)) return EXPANDED
      if (passedOver < expansion.given) {
        passedOver++
        continue
      }
      const ready = flow.ready(depth)
      if (ready !== undefined) {
        // Who waits for room does not work: only so can the run tell that nobody else will make any.
        flow.ended()
        await ready
        flow.began()
      }
      if (this.isOver(flow)) return EXPANDED
      const child = expansion.target.add(value)
      expansion.given++
      passedOver++
      if (child !== null) this.out.next(child)
    }
    if (!this.isOver(flow)) expansion.target.close()
    return EXPANDED
  }

  private isOver(flow: RunFlow): boolean {
    return this.isStopped || flow.signal.aborted
  }
}

/** The children have gone out already. */
const EXPANDED = Symbol('expanded')

/** A record on its way to becoming many, kept over attempts. */
interface Expansion<Out> {
  readonly target: ReturnType<typeof Envelope.prototype.expand<Out>>
  given: number
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
