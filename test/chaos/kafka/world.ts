import { expect } from 'vitest'
import { bundle } from '../../harness/bundle.js'
import { makeDatabase, query, type TestDatabase } from '../../harness/database.js'
import type { KafkaTools, ReadRecord } from '../../harness/kafka-tools.js'
import { Load } from './load.js'
import { Member } from './member.js'
import { createOrders, PIPELINE } from './pipeline.js'
import { idOf, kindOf, stageOf } from './records.js'
import type { Task } from './task.js'

const PARTITIONS = 6

/** The program of the members. */
export class MemberProgram {
  private constructor(private readonly built: Awaited<ReturnType<typeof bundle>>) {}

  static async build(): Promise<MemberProgram> {
    return new MemberProgram(await bundle('test/chaos/kafka/worker.ts'))
  }

  get path(): string {
    return this.built.program
  }

  remove(): Promise<void> {
    return this.built.remove()
  }
}

/** How a {@link KafkaWorld} is made. */
export interface KafkaWorldOptions {
  readonly program: MemberProgram
  readonly kafka: KafkaTools
  /** Default: the Postgres of all tests. */
  readonly postgres?: string
  /** Default true. */
  readonly ledger?: boolean
  /** Default 2. */
  readonly maxConcurrentWrites?: number
}

/** A topic under load, a database, and the members of one group between them. */
export class KafkaWorld {
  readonly members: Member[] = []
  private readonly groupId: string
  private readonly load: Load
  private started = 0

  private constructor(
    private readonly options: KafkaWorldOptions,
    private readonly database: TestDatabase,
    private readonly topic: string,
  ) {
    this.groupId = options.kafka.name('group')
    this.load = new Load(options.kafka, topic)
  }

  static async open(options: KafkaWorldOptions): Promise<KafkaWorld> {
    const database = await makeDatabase(options.postgres)
    await query(database.connection, createOrders)
    return new KafkaWorld(options, database, await options.kafka.createTopic(PARTITIONS))
  }

  /** Straight to the server. */
  get connection(): string {
    return this.database.connection
  }

  private get ledger(): boolean {
    return this.options.ledger ?? true
  }

  /** Starts a member; `connection` to reach the database on another way. */
  join(connection: string = this.connection, more: Pick<Task, 'killAt' | 'isHolding'> = {}): Member {
    const { kafka, program, maxConcurrentWrites = 2 } = this.options
    const { brokers } = kafka
    const { topic, groupId, ledger } = this
    const number = ++this.started
    const task: Task = { brokers, topic, groupId, connection, ledger, member: number, maxConcurrentWrites, ...more }
    const member = new Member(program.path, number, task)
    this.members.push(member)
    return member
  }

  /** Starts a member that is to be killed: by itself at `killAt`, else by the test. */
  doom(connection: string, killAt?: Task['killAt']): Member {
    const member = this.join(connection, killAt === undefined ? {} : { killAt })
    member.isDismissed = true
    return member
  }

  /** Calls `check` until it does not throw. */
  until(check: () => void, withinMs = 60_000): Promise<void> {
    return this.watch(withinMs, check)
  }

  /** Waits until one of some members has ended; the others of the world must not. */
  async anyEnd(members: readonly Member[], withinMs = 60_000): Promise<readonly [Member, Awaited<Member['ended']>]> {
    const ended = () => members.find(member => member.hasEnded)
    await this.watch(withinMs, () => {
      if (ended() === undefined) throw new Error(`none ended of ${members.map(member => member.log).join('\n')}`)
    })
    const member = ended()!
    return [member, await member.ended]
  }

  /** The members that the test has not ended. */
  get present(): Member[] {
    return this.members.filter(member => !member.isDismissed)
  }

  /** Waits until there are `more` rows than now. */
  async progress(more: number, withinMs = 60_000): Promise<void> {
    const from = await this.rows()
    await this.watch(withinMs, async () => {
      const now = await this.rows()
      if (now < from + more) throw new Error(`${now - from} rows came, not ${more}`)
    })
  }

  /** Waits until `more` records than now are in the topic. */
  async produced(more: number, withinMs = 60_000): Promise<void> {
    const from = this.load.count
    await this.watch(withinMs, () => {
      if (this.load.count < from + more) throw new Error(`${this.load.count - from} records were produced, not ${more}`)
    })
  }

  /** Ends the load. */
  async calm(): Promise<void> {
    await this.load.stop()
  }

  /** Ends the load and waits until all of it is settled. */
  async settle(withinMs = 60_000): Promise<void> {
    await this.calm()
    await this.watch(withinMs, async () => {
      const ends = (await this.ends()).map(String).filter(high => high !== '0')
      expect((await this.settled()).sort()).toEqual(ends.sort())
    })
  }

  /** What was produced is there: as rows or in quarantine, once with a ledger, at least once without. Gives how many rows came again. */
  async check(): Promise<number> {
    const produced = await this.options.kafka.read(this.topic, 60_000)
    const rows = await query<{ id: string }>(this.connection, 'select id from orders')
    const entry = `(regexp_match(convert_from(raw, 'UTF8'), '"id":(\\d+)'))[1] || ' ' || stage as entry`
    const entries = await query<{ entry: string }>(this.connection, `select ${entry} from millrace_quarantine`)
    const there = compare(
      produced.flatMap(record => rowOf(record)),
      rows.map(({ id }) => id),
    )
    const quarantined = compare(
      produced.flatMap(record => entryOf(record)),
      entries.map(given => given.entry),
    )
    const twice = this.ledger ? {} : { twice: expect.anything() }
    expect(there, 'rows').toEqual({ ...NOTHING, ...twice })
    // An entry that comes again takes the place of the first.
    expect(quarantined, 'quarantine').toEqual(NOTHING)
    return rows.length - new Set(rows.map(({ id }) => id)).size
  }

  /** Waits until so many members have partitions, by the ledger. */
  async owners(count: number, withinMs = 60_000): Promise<void> {
    await this.watch(withinMs, async () => {
      const owned = 'select count(distinct owner)::int as owners, count(*)::int as partitions from millrace_ledger'
      expect(await query(this.connection, owned)).toEqual([{ owners: count, partitions: PARTITIONS }])
    })
  }

  /** Rows of one key stand in the order in which they were produced; without a ledger, those of one owner do. */
  async checkOrder(): Promise<void> {
    const before = `lag(id) over (partition by account${this.ledger ? '' : ', owner'} order by place)`
    const disorder = `select id, before, account, owner, place from (select *, ${before} as before from orders) o where before > id order by place limit 20`
    expect(await query(this.connection, disorder)).toEqual([])
  }

  /** Lets all members leave. */
  async leave(): Promise<void> {
    await Promise.all(this.present.map(member => member.leave()))
  }

  /** Ends all that is left. */
  async close(): Promise<void> {
    const { members } = this
    for (const member of members) member.kill()
    await Promise.all(members.map(member => member.ended))
    await this.load.stop().catch(() => {})
    await this.database.drop().catch(() => {})
  }

  /** What the last of the members said, for a test that failed. */
  get log(): string {
    return this.members
      .slice(-6)
      .map(member => member.log)
      .join('\n')
  }

  /** How many rows there are. */
  async rows(): Promise<number> {
    const [row] = await query<{ n: string }>(this.connection, 'select count(*) as n from orders')
    return Number(row!.n)
  }

  /** Where each partition ends. */
  async ends(): Promise<number[]> {
    return (await this.options.kafka.bounds(this.topic)).map(({ high }) => high)
  }

  /** What the group has committed of each partition, 0 for nothing. */
  async committed(): Promise<number[]> {
    return (await this.options.kafka.committed(this.groupId, this.topic)).map(offset => offset ?? 0)
  }

  /** Up to where each partition is settled, as text; something else where there are holes. */
  private async settled(): Promise<string[]> {
    if (!this.ledger) return (await this.committed()).filter(offset => offset > 0).map(String)
    const text = `select covered::text as covered from millrace_ledger where pipeline = $1 and not isempty(covered)`
    const rows = await query<{ covered: string }>(this.connection, text, [PIPELINE])
    return rows.map(({ covered }) => /^\{\[0,(\d+)\)\}$/.exec(covered)?.[1] ?? covered)
  }

  /** As `until`, with pauses that leave the machine to the members, who must not end meanwhile. */
  private async watch(withinMs: number, attempt: () => Promise<void> | void): Promise<void> {
    const deadline = performance.now() + withinMs
    for (;;) {
      const gone = this.present.find(member => member.hasEnded)
      if (gone) throw new Error(`a member ended by itself: ${gone.log}`)
      try {
        return await attempt()
      } catch (error) {
        if (performance.now() > deadline) throw error
      }
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }
}

/** Gives `use` a world, with the log of its members in what it throws. */
export async function inKafkaWorld<T>(options: KafkaWorldOptions, use: (world: KafkaWorld) => Promise<T>): Promise<T> {
  const world = await KafkaWorld.open(options)
  try {
    return await use(world)
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${world.log}`, { cause: error })
  } finally {
    await world.close()
  }
}

const idText = ({ value }: ReadRecord): string => `${idOf(value!)}`
const rowOf = (record: ReadRecord): string[] => (kindOf(idOf(record.value!)) === 'good' ? [idText(record)] : [])
const entryOf = (record: ReadRecord): string[] => {
  const stage = stageOf[kindOf(idOf(record.value!))]
  return stage === undefined ? [] : [`${idText(record)} ${stage}`]
}

const NOTHING = { lost: [], twice: [], unknown: [] }

/** What differs, a few of each: a comparison of lists this long would take minutes to print. */
function compare(expected: readonly string[], given: readonly string[]): { lost: string[]; twice: string[]; unknown: string[] } {
  const wanted = new Set(expected)
  const seen = new Set<string>()
  const twice: string[] = []
  for (const one of given) {
    if (seen.has(one)) twice.push(one)
    seen.add(one)
  }
  const some = (list: readonly string[]): string[] => (list.length > 20 ? [...list.slice(0, 20), `… ${list.length} in all`] : [...list])
  return {
    lost: some(expected.filter(one => !seen.has(one))),
    twice: some(twice),
    unknown: some([...seen].filter(one => !wanted.has(one))),
  }
}
