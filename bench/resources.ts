import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { LocalKafka } from '../test/harness/servers/local-kafka.js'
import { LocalPostgres } from '../test/harness/servers/local-postgres.js'
import type { Topic } from './figure.js'
import { KafkaTopics } from './kafka-topics.js'

/** What the figures of one run share, made when first asked for: servers, databases, topics, directories. */
export class SharedResources {
  private broker: Promise<{ readonly topics: KafkaTopics; stop(): Promise<void> }> | null = null
  private server: Promise<{ readonly address: string; stop(): Promise<void> }> | null = null
  private readonly databases: string[] = []
  private readonly directories: string[] = []

  /** A new directory that any user may read: a server of another user copies from files in it. */
  async directory(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-bench-'))
    await chmod(directory, 0o755)
    this.directories.push(directory)
    return directory
  }

  /** A new database of the server that `DATABASE_URL` names, else of one of this machine's programs, with Postgres's own defaults (fsync on). */
  async postgres(): Promise<string> {
    this.server ??= startPostgres()
    const { address } = await this.server
    const name = `bench_${randomBytes(6).toString('hex')}`
    await onServer(address, client => client.query(`create database ${name} template template0 encoding 'UTF8'`))
    this.databases.push(name)
    const url = new URL(address)
    url.pathname = `/${name}`
    return url.href
  }

  /** A new topic of the Kafka that `KAFKA_BROKERS` names, else of a broker of this machine's Java. */
  async topic(partitions: number, config: Readonly<Record<string, string>> = {}): Promise<Topic> {
    this.broker ??= startKafka()
    return (await this.broker).topics.create(partitions, config)
  }

  /** Drops the databases, topics and directories of the figure that has ended. */
  async clear(): Promise<void> {
    await (await this.broker)?.topics.clear()
    if (this.server !== null) {
      const { address } = await this.server
      for (const name of this.databases.splice(0))
        await onServer(address, client => client.query(`drop database if exists ${name} with (force)`))
    }
    for (const directory of this.directories.splice(0)) await rm(directory, { recursive: true, force: true })
  }

  async close(): Promise<void> {
    try {
      await this.clear()
    } finally {
      await (await this.broker)?.stop()
      await (await this.server)?.stop()
    }
  }
}

async function startKafka(): Promise<{ readonly topics: KafkaTopics; stop(): Promise<void> }> {
  const given = process.env['KAFKA_BROKERS']
  if (given) return { topics: new KafkaTopics(given), stop: async () => {} }
  const broker = await LocalKafka.create()
  return { topics: new KafkaTopics(broker.address), stop: () => broker.stop() }
}

async function startPostgres(): Promise<{ readonly address: string; stop(): Promise<void> }> {
  const given = process.env['DATABASE_URL']
  if (given) return { address: given, stop: async () => {} }
  // What the tests turn down for speed is at the server's default again.
  return LocalPostgres.create({ fsync: 'on', shared_buffers: '128MB', max_connections: '100' })
}

async function onServer(address: string, use: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: address })
  await client.connect()
  try {
    await use(client)
  } finally {
    await client.end()
  }
}
