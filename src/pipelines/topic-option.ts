import { ConfigError } from '../config/config-error.js'
import type { JsonSchema } from '../config/config-schema.js'
import { errorText } from '../core/error-report.js'
import { shown } from '../core/options.js'
import type { KafkaSasl } from '../drivers/kafka/driver.js'
import type { KafkaSourceOptions } from '../sources/kafka-options.js'
import { count } from './table-kind-schema.js'

/** Topics as a config writes them: as `kafkaSource` takes them, in texts. */
export interface TopicOption extends Omit<KafkaSourceOptions, 'brokers' | 'topics' | 'startAt' | 'ssl' | 'sasl'> {
  /** A list, or one text with commas. */
  readonly brokers: string | readonly string[]
  /** Names, or one expression between slashes: `/^orders-/`. */
  readonly topics: string | readonly string[]
  /** `earliest`, `latest`, or a time: `2026-01-31T00:00:00Z`. */
  readonly startAt?: string
  readonly ssl?: boolean | { readonly [option: string]: unknown }
  readonly sasl?: Exclude<KafkaSasl, { readonly mechanism: 'oauthbearer' }>
}

const text = (description: string): JsonSchema => ({ type: 'string', minLength: 1, description })
const texts = (title: string, description: string): JsonSchema => ({
  type: ['array', 'string'],
  minItems: 1,
  minLength: 1,
  items: { type: 'string', minLength: 1 },
  title,
  description,
})

const sasl: JsonSchema = {
  type: 'object',
  description: 'Who we are to the brokers. Keep passwords out of the file: `${KAFKA_PASSWORD}`, `${file:/run/secrets/kafka}`.',
  required: ['mechanism'],
  additionalProperties: false,
  properties: {
    mechanism: { type: 'string', enum: ['plain', 'scram-sha-256', 'scram-sha-512', 'aws'], description: 'How we log in.' },
    username: text('Of plain and scram.'),
    password: text('Of plain and scram.'),
    authorizationIdentity: text('Of aws: the id of the user or role.'),
    accessKeyId: text('Of aws.'),
    secretAccessKey: text('Of aws.'),
    sessionToken: text('Of aws, where the credentials are temporary.'),
  },
}

/** A {@link TopicOption} as JSON Schema. */
export const topicSchema: JsonSchema = {
  type: 'object',
  description: 'What is read, and as which consumer group.',
  required: ['brokers', 'topics', 'groupId'],
  additionalProperties: false,
  properties: {
    brokers: texts('a list of host:port', 'Some of the brokers, as `host:port`: a list, or one text with commas.'),
    topics: texts(
      'a list of topics, or an expression between slashes',
      'The topics, or one expression between slashes: `/^orders-/` (resolved when the run joins the group).',
    ),
    groupId: text('The consumer group: all members of it share the partitions.'),
    startAt: {
      type: 'string',
      default: 'earliest',
      description:
        'Where a partition begins of which the group has committed nothing: `earliest`, `latest`, or at a time (`2026-01-31T00:00:00Z`).',
    },
    ssl: {
      type: ['boolean', 'object'],
      description:
        'true, or what `tls.connect` takes: `ca`, `cert`, `key` (PEM texts, as by `${file:…}`), `passphrase`, `servername`, `rejectUnauthorized`. Default false.',
    },
    sasl,
    clientId: { ...text('What the brokers call us in their logs.'), default: 'millrace' },
    connectTimeoutMs: count('How long to wait for a connection, in ms.', { default: 10_000 }),
    sessionTimeoutMs: {
      type: 'integer',
      minimum: 1_000,
      default: 30_000,
      description: 'After how long without a heartbeat the group takes a member for dead, in ms.',
    },
    maxBytesPerPartition: count('What one fetch takes of one partition at most, in bytes.', { default: 1_048_576 }),
    partitionsConcurrently: count('How many partitions hand over their records at a time.', { default: 4 }),
    onRemoved: {
      type: 'string',
      enum: ['fail', 'continue'],
      default: 'fail',
      description: 'When retention removed records that were not read: `fail` ends the run, `continue` says so in the log and goes on.',
    },
    commitEveryMs: count('How long a settled position may stay uncommitted, in ms.', { default: 1_000 }),
    commitEveryRecords: count('How many settled positions may stay uncommitted.', { default: 5_000 }),
    name: { ...text('The name in origins and ledger.'), default: 'kafka' },
  },
}

/**
 * The options of `kafkaSource` that a config's texts mean.
 *
 * @throws {ConfigError} With paths relative to `from`.
 */
export function topicOptionsOf({ brokers, topics, startAt, ...rest }: TopicOption): KafkaSourceOptions {
  return {
    ...(rest as Omit<KafkaSourceOptions, 'brokers' | 'topics' | 'startAt'>),
    brokers: [brokers].flat().flatMap(listed),
    topics: topicsOf(topics),
    ...(startAt !== undefined && { startAt: startOf(startAt) }),
  }
}

const listed = (given: string): string[] =>
  given
    .split(',')
    .map(one => one.trim())
    .filter(one => one !== '')

function topicsOf(topics: string | readonly string[]): readonly string[] | RegExp {
  if (typeof topics !== 'string') return topics
  const [, source, flags] = /^\/(.+)\/([a-z]*)$/.exec(topics) ?? []
  if (source === undefined) return listed(topics)
  try {
    return new RegExp(source, flags)
  } catch (error) {
    throw new ConfigError('', [
      { path: 'topics', expected: 'a regular expression between slashes', given: `${topics}: ${errorText(error)}` },
    ])
  }
}

function startOf(startAt: string): 'earliest' | 'latest' | Date {
  if (startAt === 'earliest' || startAt === 'latest') return startAt
  const date = new Date(startAt)
  if (/^\d{4}-\d{2}-\d{2}/.test(startAt) && !Number.isNaN(date.getTime())) return date
  throw new ConfigError('', [{ path: 'startAt', expected: 'earliest, latest, or a time like 2026-01-31T00:00:00Z', given: shown(startAt) }])
}
