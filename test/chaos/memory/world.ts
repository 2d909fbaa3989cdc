import { map, Observable } from 'rxjs'
import { type Envelope, join } from '../../../src/core/envelope.js'
import { isMillraceError, MillraceError } from '../../../src/core/errors.js'
import type { Flow } from '../../../src/core/flow.js'
import { type Operator, recordOperator } from '../../../src/core/operator.js'
import type { QuarantineEntry } from '../../../src/core/quarantine.js'
import type { RecordContext } from '../../../src/core/record-context.js'
import type { Source } from '../../../src/core/source.js'
import { handle } from '../../../src/operators/handle.js'
import { split } from '../../../src/operators/split.js'
import { definePipeline, type Pipeline } from '../../../src/runtime/pipeline.js'
import type { PipelineRun } from '../../../src/runtime/run.js'
import { memorySink } from '../../../src/sinks/memory.js'
import { type MemorySource, memorySource } from '../../../src/sources/memory.js'
import { memoryStore } from '../../../src/stores/memory-store.js'
import { memoryQuarantine } from '../../../src/stores/quarantine-memory.js'
import { type VirtualClock, virtualClock } from '../../../src/testing/virtual-clock.js'
import { away, Dice } from '../../harness/dice.js'
import { Queue, queueSource } from '../../harness/queue-source.js'
import { inWeather, quarantineInWeather, sourceInWeather, type Weather } from './faults.js'
import { type Order, type OrderPart, ordersOf, rowName, type Shape } from './orders.js'

/** What is tested in one world. */
export interface Setting {
  readonly name: string
  readonly ledger: boolean
  /** Failures in the transaction of the rows. */
  readonly sharedScope: boolean
  readonly maxConcurrentWrites: number
  /** Rows are written by lane, the key. */
  readonly lanes?: boolean
  readonly source?: 'prefix' | 'single'
  /** Splits over time, into a sink that overwrites. */
  readonly expands?: boolean
  /** Parts that are neighbours become one row. */
  readonly joins?: boolean
  /** A run that was aborted may still write while the next one is under way. */
  readonly zombies: boolean
}

/** A row: which part of which order, and in which turn its order was read in its run. */
export interface Row {
  readonly names: readonly string[]
  readonly key: string | null
  readonly run: number
  readonly turn: number
}

/** Stores that outlive their runs, and runs that are cut. */
export class ChaosWorld {
  readonly clock: VirtualClock = virtualClock()
  readonly store = memoryStore()
  readonly orders: readonly Order[]
  readonly sink
  readonly quarantine
  readonly prefixSource: MemorySource<Order> | null
  readonly queue: Queue<Order> | null
  /** The entries of quarantine that were committed with rows, each as often as it was. */
  readonly entriesOfBatches: QuarantineEntry[] = []
  /** Orders that came out of their first handle out of the order of their key. */
  readonly disorder: string[] = []
  private readonly dice: Dice
  private readonly pipeline: Pipeline
  private readonly ended: Promise<unknown>[] = []
  private run = 0
  private turn = 0

  constructor(
    seed: number,
    private readonly setting: Setting,
    shape: Shape,
    private readonly weather: Weather,
  ) {
    this.dice = new Dice(seed, this.clock)
    this.orders = ordersOf(seed, shape)
    const { store, clock, dice } = this
    this.sink = memorySink<Row>({
      store,
      ledger: setting.ledger,
      maxConcurrentWrites: setting.maxConcurrentWrites,
      overwrites: setting.expands === true,
      batch: { maxRecords: dice.number(1, 40), maxWaitMs: dice.number(0, 60) },
      ...(setting.lanes && { lane: record => record.value.key ?? '' }),
      clock,
    })
    this.quarantine = memoryQuarantine({ store: setting.sharedScope ? store : memoryStore(), clock })
    const commit = store.commit.bind(store)
    store.commit = transaction => {
      commit(transaction)
      this.entriesOfBatches.push(...transaction.entries)
    }
    const key = ({ key }: Order) => key
    const isQueue = setting.source === 'single'
    this.prefixSource = isQueue ? null : memorySource(this.orders, { name: 'orders', partition: ({ partition }) => partition, key })
    this.queue = isQueue ? new Queue(this.orders) : null
    this.pipeline = this.makePipeline()
  }

  /** Lets a run go on for a while and then cuts it. False when it came to its end before. */
  async crash(): Promise<boolean> {
    const run = this.start()
    let isOver = false
    const over = this.outcomeOf(run.finished).finally(() => {
      isOver = true
    })
    for (let left = this.dice.number(1, 6); left > 0 && !isOver; left--) await this.clock.advance(this.dice.number(0, 60))
    if (isOver) return (await over) === 'fenced'
    const cut = run.abort(new Error('a crash, made by the test'))
    over.catch(() => {})
    this.ended.push(cut)
    if (!this.setting.zombies || this.dice.falls(0.3)) await this.clock.until(cut)
    return true
  }

  /** Stops a run in good order somewhere on its way. */
  async stop(): Promise<void> {
    const run = this.start()
    await this.clock.advance(this.dice.number(0, 80))
    await this.outcomeOf(this.clock.until(run.stop()))
  }

  /** Runs to the end, and waits for whatever earlier runs have on their way. */
  async finish(): Promise<void> {
    while ((await this.outcomeOf(this.clock.until(this.start().finished))) === 'fenced');
    await this.clock.until(Promise.all(this.ended))
  }

  /** A run that was cut may still take a partition over: then the next one is fenced, and has to be started again. */
  private async outcomeOf(finished: Promise<unknown>): Promise<'ended' | 'fenced'> {
    try {
      await finished
      return 'ended'
    } catch (error) {
      if (this.setting.zombies && isMillraceError(error, 'MILL_PARTITION_FENCED')) return 'fenced'
      throw error
    }
  }

  private start(): PipelineRun {
    this.run++
    this.turn = 0
    return this.pipeline.start({ clock: this.clock })
  }

  private makePipeline(): Pipeline {
    const { dice, weather, setting } = this
    const refused = (part: Row, fate: 'refused' | 'unfit') =>
      part.names.some(name => this.fateOf(name) === fate) ? new MillraceError('MILL_JOIN_EMPTY', {}) : undefined
    const source: Source<Order> = this.prefixSource
      ? sourceInWeather(this.prefixSource, dice, weather)
      : sourceInWeather(queueSource('orders', this.queue!, { key: ({ key }) => key, again: () => dice.falls(0.02) }), dice, weather)
    return definePipeline({
      name: 'chaos',
      source,
      steps: (records, flow) => {
        const rows = records.pipe(
          this.numbered(),
          handle((order, context) => this.workOn(order, context), { concurrency: 16, order: 'key' }),
          this.watched(),
          setting.expands
            ? split(order => this.partsOverTime(order))
            : split(order => order.parts.map(part => ({ ...part, turn: order.turn }))),
          handle((part, context) => this.workOn(part, context), { concurrency: 16, order: 'key' }),
          map(record => record.with(this.rowOf(record))),
        )
        return setting.joins ? rows.pipe(joined(dice, flow)) : rows
      },
      sink: inWeather(this.sink, dice, weather, {
        atCheck: ({ value }) => refused(value, 'unfit'),
        atWrite: ({ value }) => refused(value, 'refused'),
      }),
      onFailure: setting.sharedScope ? this.quarantine : quarantineInWeather(this.quarantine, dice, weather),
      limits: { maxInFlight: dice.number(40, 120) },
    })
  }

  private readonly numbered = () =>
    recordOperator<Order, Turned<Order>>('numbered', out => record => out.next(record.with({ ...record.value, turn: this.turn++ })))

  /** Notes what leaves the first handle in another order than it came, within a key. */
  private readonly watched = () =>
    recordOperator<Turned<Order>, Turned<Order>>('watched', out => {
      const last = new Map<string, number>()
      return record => {
        const { key, n, turn } = record.value
        if (key !== null) {
          if (turn < (last.get(key) ?? -1)) this.disorder.push(`order ${n} of key ${key} came late in run ${this.run}`)
          last.set(key, turn)
        }
        out.next(record)
      }
    })

  /** Some at once, some over time, and now and then against a server that is away. */
  private workOn<T extends { readonly fate: string }>(value: T, context: RecordContext) {
    const { dice } = this
    if (dice.falls(this.weather.away) && context.attempt < 3) throw away('handler')
    const pause = dice.pause(30, context.signal)
    const outcome = () => {
      if (value.fate === 'failed') throw new Error('failed by its fate')
      return value.fate === 'skipped' ? context.skip('skipped by its fate') : value
    }
    return pause === undefined ? outcome() : pause.then(outcome)
  }

  private async *partsOverTime(order: Turned<Order>): AsyncIterable<Turned<OrderPart>> {
    for (const part of order.parts) {
      await this.dice.pause(20)
      yield { ...part, turn: order.turn }
    }
  }

  private rowOf({ key, value }: Envelope<Turned<OrderPart>>): Row {
    return { names: [rowName(value)], key, run: this.run, turn: value.turn * 100 + value.part }
  }

  private fateOf(name: string): string {
    const [n, part] = name.split('#').map(Number)
    return this.orders[n!]!.parts[part!]!.fate
  }
}

type Turned<T> = T & { readonly turn: number }

/** Collects rows and joins up to three of them; gives what it holds when the run asks for it, and at the end. */
function joined(dice: Dice, flow: Flow): Operator<Row, Row> {
  return records =>
    new Observable(subscriber => {
      let held: Envelope<Row>[] = []
      const give = () => {
        if (held.length === 0) return
        const members = held
        held = []
        subscriber.next(join(members, { ...members[0]!.value, names: members.flatMap(({ value }) => value.names) }))
      }
      subscriber.add(flow.flushes.subscribe(give))
      return records.subscribe({
        next(record) {
          held.push(record)
          if (held.length >= dice.number(1, 3)) give()
        },
        error: error => subscriber.error(error),
        complete() {
          give()
          subscriber.complete()
        },
      })
    })
}
