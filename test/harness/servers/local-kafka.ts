import { cp, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { freePort } from './free-port.js'
import { GuardedProcess } from './guarded-process.js'
import { KafkaPrograms } from './kafka-programs.js'
import { type RunningServer, until } from './server.js'

/** What a broker of a test's own may be given. */
export interface LocalKafkaOptions {
  /** Default: what `KAFKA_VERSION` says, else 3.9.2. */
  readonly version?: string
  /** Properties of the broker besides (and before) the harness' own. */
  readonly settings?: Readonly<Record<string, string>>
  /** Of `kafka-storage format`, such as `--add-scram`. */
  readonly format?: readonly string[]
  /** More listeners: their names, each with a security protocol. They are advertised as `localhost`, which is the name in the certificates. */
  readonly listeners?: Readonly<Record<string, 'SASL_PLAINTEXT' | 'SASL_SSL' | 'SSL'>>
  /** Written into the broker's directory before it starts, for settings that name files; `{directory}` in a setting stands for it. */
  readonly files?: Readonly<Record<string, string>>
}

/** An Apache Kafka of one node (KRaft) in a directory of its own, that tests may stop, kill, freeze and start again. */
export class LocalKafka implements RunningServer {
  private process: GuardedProcess | null = null

  private constructor(
    private readonly programs: KafkaPrograms,
    private readonly directory: string,
    private readonly options: LocalKafkaOptions,
    private readonly ports: ReadonlyMap<string, number>,
  ) {}

  /** Makes a new broker and starts it: 1 to 2 s. Throws {@link ServerMissing} where Java is not installed or the jars cannot be had. */
  static async create(options: LocalKafkaOptions = {}): Promise<LocalKafka> {
    const programs = await KafkaPrograms.ready(options.version)
    if (!programs.areWarm) await LocalKafka.warm(programs)
    return LocalKafka.createBy(programs, options)
  }

  /** Runs a broker once, for the archive of its classes and its formatted directory: some 8 s, of which each later broker saves one or two. */
  private static async warm(programs: KafkaPrograms): Promise<void> {
    const begun = performance.now()
    const archive = `${programs.archive}.${process.pid}`
    const formatted = `${programs.formatted}.${process.pid}`
    const server = await LocalKafka.createBy(programs, {}, { archive, formatted })
    await server.halt()
    await server.stop()
    await rename(archive, programs.archive)
    // Another run may have been first.
    await rename(formatted, programs.formatted).catch(() => rm(formatted, { recursive: true, force: true }))
    console.log(
      `set-up: prepared quick starts of Apache Kafka ${programs.version} in ${((performance.now() - begun) / 1_000).toFixed(1)} s (once)`,
    )
  }

  private static async createBy(
    programs: KafkaPrograms,
    options: LocalKafkaOptions,
    leave?: { readonly archive: string; readonly formatted: string },
  ): Promise<LocalKafka> {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-kafka-'))
    try {
      const ports = new Map<string, number>()
      for (const name of ['PLAINTEXT', 'CONTROLLER', ...Object.keys(options.listeners ?? {})]) ports.set(name, await freePort())
      const server = new LocalKafka(programs, directory, options, ports)
      await server.initialize()
      if (leave) await cp(server.data, leave.formatted, { recursive: true })
      await server.run(leave?.archive)
      return server
    } catch (error) {
      await rm(directory, { recursive: true, force: true })
      throw error
    }
  }

  /** `host:port` of the listener without credentials. It is the same after each start. */
  get address(): string {
    return `127.0.0.1:${this.portOf('PLAINTEXT')}`
  }

  get from(): string {
    return `Apache Kafka ${this.programs.version} of ${this.programs.directory}`
  }

  get version(): string {
    return this.programs.version
  }

  /** Of the broker, for signals; 0 while it does not run. */
  get pid(): number {
    return this.process?.pid ?? 0
  }

  /** `localhost:port` of one of the `listeners`. */
  addressOf(listener: string): string {
    return `localhost:${this.portOf(listener)}`
  }

  private portOf(listener: string): number {
    const port = this.ports.get(listener)
    if (port === undefined) throw new Error(`the broker has no listener ${listener}`)
    return port
  }

  private get data(): string {
    return join(this.directory, 'data')
  }

  private get properties(): string {
    return join(this.directory, 'server.properties')
  }

  private async initialize(): Promise<void> {
    for (const [name, content] of Object.entries(this.options.files ?? {})) {
      await writeFile(join(this.directory, name), content, { mode: 0o600 })
    }
    const lines = Object.entries({ ...this.settings(), ...this.options.settings })
    const text = lines.map(([key, value]) => `${key}=${value.replaceAll('{directory}', this.directory)}\n`).join('')
    await writeFile(this.properties, text, { mode: 0o600 })
    if (this.options.format === undefined && this.programs.areWarm) await cp(this.programs.formatted, this.data, { recursive: true })
    else await this.programs.format(this.properties, this.options.format)
  }

  private settings(): Record<string, string> {
    const more = Object.entries(this.options.listeners ?? {})
    const [broker, controller] = [this.portOf('PLAINTEXT'), this.portOf('CONTROLLER')]
    const own = [`PLAINTEXT://127.0.0.1:${broker}`, `CONTROLLER://127.0.0.1:${controller}`]
    return {
      'node.id': '1',
      'process.roles': 'broker,controller',
      'controller.quorum.voters': `1@127.0.0.1:${controller}`,
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'PLAINTEXT',
      listeners: [...own, ...more.map(([name]) => `${name}://127.0.0.1:${this.portOf(name)}`)].join(','),
      'advertised.listeners': [own[0], ...more.map(([name]) => `${name}://localhost:${this.portOf(name)}`)].join(','),
      'listener.security.protocol.map': [['CONTROLLER', 'PLAINTEXT'], ['PLAINTEXT', 'PLAINTEXT'], ...more]
        .map(pair => pair.join(':'))
        .join(','),
      'log.dirs': this.data,
      ...brokerSettings,
    }
  }

  /** Starts it, again at the same addresses with the data it had, and resolves when it answers: 1.5 s, after SIGKILL up to 4 s. */
  async start(): Promise<void> {
    await this.run()
  }

  private async run(archive?: string): Promise<void> {
    const started = await GuardedProcess.start({
      program: this.programs.broker(this.properties, archive),
      directory: this.directory,
      endBy: 'KILL',
    })
    this.process = started
    await until(60_000, () => checkKafka(this.address)).catch(async cause => {
      await this.dismiss(true)
      throw new Error(`${this.from} did not answer: ${started.output}`, { cause })
    })
  }

  /** Ends it as a crash would (SIGKILL) or orderly (SIGTERM: clients told), waits until it is gone, and keeps its data for `start`. */
  async halt(signal: 'SIGKILL' | 'SIGTERM' = 'SIGTERM'): Promise<void> {
    await this.dismiss(true, signal === 'SIGTERM' ? 'TERM' : 'KILL')
  }

  /** `halt` by SIGKILL. */
  async kill(): Promise<void> {
    await this.halt('SIGKILL')
  }

  /** `halt` and `start`. */
  async restart(signal: 'SIGKILL' | 'SIGTERM' = 'SIGTERM'): Promise<void> {
    await this.halt(signal)
    await this.start()
  }

  /** Stops its time: connections stay, and nothing answers (SIGSTOP). */
  freeze(): void {
    process.kill(this.pid, 'SIGSTOP')
  }

  /** Lets a frozen one go on (SIGCONT). */
  thaw(): void {
    process.kill(this.pid, 'SIGCONT')
  }

  /** Ends it and removes all it wrote. */
  async stop(): Promise<void> {
    await this.dismiss(false)
    await rm(this.directory, { recursive: true, force: true })
  }

  private async dismiss(keep: boolean, signal?: 'KILL' | 'TERM'): Promise<void> {
    const { process } = this
    this.process = null
    await process?.dismiss(keep, signal)
  }
}

/** What every broker of the tests is set to; docker-compose.yml's too. */
export const brokerSettings = {
  'num.partitions': '4',
  'offsets.topic.num.partitions': '1',
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.num.partitions': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'group.initial.rebalance.delay.ms': '0',
  'group.min.session.timeout.ms': '1000',
  // The controller refuses a killed broker's next life until its session is over: 9 s by default.
  'broker.session.timeout.ms': '3000',
  'broker.heartbeat.interval.ms': '500',
  'log.segment.bytes': '16777216',
  // Records with timestamps of last year would vanish otherwise.
  'log.retention.ms': '-1',
  'log.retention.check.interval.ms': '1000',
  'log.initial.task.delay.ms': '1000',
  'log.cleaner.backoff.ms': '500',
  'auto.create.topics.enable': 'false',
} as const

/** Throws until a Kafka answers at `addresses` (`host:port`, several with commas between). */
export async function checkKafka(addresses: string): Promise<void> {
  const brokers = addresses.split(',').map(address => address.trim())
  const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING, connectionTimeout: 2_000, requestTimeout: 5_000, retry: { retries: 0 } })
  const admin = kafka.admin()
  try {
    await admin.connect()
    const { brokers: alive } = await admin.describeCluster()
    if (alive.length === 0) throw new Error(`no broker is alive at ${addresses}`)
  } finally {
    await admin.disconnect().catch(() => {})
  }
}
