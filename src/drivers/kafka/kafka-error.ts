import { MillraceError } from '../../core/errors.js'

/** What was being done when the error came up: for the message. */
export interface KafkaDoing {
  /** The brokers, as in messages. */
  readonly cluster: string
  /** `consume as group billing`, `produce`, `read the offsets of topic orders`. */
  readonly doing: string
  /** What a missing right is missing on. */
  readonly topic?: string | undefined
  readonly groupId?: string | undefined
}

interface Link {
  readonly name: string
  readonly message: string
  /** Of an error that a broker answered: Kafka's own name, such as `TOPIC_AUTHORIZATION_FAILED`. */
  readonly type: string | undefined
  /** Node's: `ECONNREFUSED`, `CERT_HAS_EXPIRED`. */
  readonly code: string | undefined
  readonly retriable: boolean | undefined
}

const MAX_CAUSES = 8

/**
 * What the client threw as Millrace's own: `MILL_KAFKA_AWAY` (retryable) where the network or a broker is at fault, `MILL_TOPIC_UNKNOWN`, else
 * `MILL_KAFKA_REFUSED`, which is retryable where the group or the producer only has to begin anew. The message names cause and fix; the original is the cause.
 */
export function kafkaError(error: unknown, at: KafkaDoing): MillraceError {
  if (error instanceof MillraceError) return error
  const own = ownOf(error)
  if (own !== undefined) return own
  const links = linksOf(error)
  const { cluster, doing } = at
  const found = judgementOf(links, at)
  if (found.fault === 'topic')
    return new MillraceError(
      'MILL_TOPIC_UNKNOWN',
      { cluster, topic: at.topic ?? 'that was named', existing: 'not asked for' },
      { cause: error },
    )
  if (found.fault === 'away') return new MillraceError('MILL_KAFKA_AWAY', { cluster, doing, reason: found.reason }, { cause: error })
  return new MillraceError(
    'MILL_KAFKA_REFUSED',
    { cluster, doing, reason: found.reason },
    { cause: error, retryable: found.fault === 'again' },
  )
}

/** Kafka's own name of what a broker answered, such as `MESSAGE_TOO_LARGE`; undefined where no broker spoke. */
export function brokerAnswerOf(error: unknown): string | undefined {
  return linksOf(error).find(({ type }) => type !== undefined)?.type
}

/** `again`: refused, but only this once (a rebalance, a producer that lost its place). */
type Fault = 'away' | 'again' | 'topic' | 'run'
interface Judgement {
  readonly fault: Fault
  readonly reason: string
}

function judgementOf(links: readonly Link[], at: KafkaDoing): Judgement {
  const answered = links.find(({ type }) => type !== undefined)
  if (answered !== undefined) return ofAnswer(answered, at)
  const refused = links.find(({ name }) => name === 'KafkaJSSASLAuthenticationError')
  if (refused !== undefined) return run(`wrong user name or password: ${refused.message} (check sasl)`)
  const tls = links.find(({ code }) => code !== undefined && isTlsCode(code))
  if (tls !== undefined) return run(`TLS failed (${tls.code}): ${tls.message}; ${tlsFix(tls.code!)}`)
  return ofConnection(links)
}

function ofConnection(links: readonly Link[]): Judgement {
  const innermost = links.at(-1) ?? { name: '', message: 'no reason given', code: undefined, retriable: undefined }
  const coded = links.find(({ code }) => code !== undefined && code in networkReasons)
  if (coded !== undefined) return { fault: 'away', reason: `${coded.message} (${networkReasons[coded.code!]})` }
  const closed = links.find(({ name, message }) => name === 'KafkaJSConnectionClosedError' || /closed connection/i.test(message))
  if (closed !== undefined) return { fault: 'away', reason: `${closed.message} (${networkReasons['ECONNRESET']})` }
  const isAway = links.some(({ name }) => awayNames.has(name)) || innermost.retriable === true
  return { fault: isAway ? 'away' : 'run', reason: innermost.message }
}

function ofAnswer({ type, message, retriable }: Link, at: KafkaDoing): Judgement {
  const reason = answers[type!]?.(at)
  if (type === 'UNKNOWN_TOPIC_OR_PARTITION') return { fault: 'topic', reason: message }
  if (againAnswers.has(type!)) return { fault: 'again', reason: reason ?? `${message} (${type})` }
  if (reason !== undefined) return run(`${reason} (${type})`)
  return { fault: retriable === true || awayAnswers.has(type!) ? 'away' : 'run', reason: `${message} (${type})` }
}

const run = (reason: string): Judgement => ({ fault: 'run', reason })

/** What a broker's refusal means, and what cures it. */
const answers: Readonly<Record<string, (at: KafkaDoing) => string>> = {
  TOPIC_AUTHORIZATION_FAILED: ({ topic }) =>
    `no right on ${topic === undefined ? 'the topic' : `topic ${topic}`}; add an ACL: a source needs Read and Describe, a sink Write and Describe`,
  GROUP_AUTHORIZATION_FAILED: ({ groupId }) =>
    `no right on ${groupId === undefined ? 'the consumer group' : `consumer group ${groupId}`}; add an ACL: Read on the group`,
  CLUSTER_AUTHORIZATION_FAILED: () =>
    'no right on the cluster; add an ACL: a sink needs Write on its topic (before Kafka 3.0 also IdempotentWrite on the cluster), making topics needs Create',
  SASL_AUTHENTICATION_FAILED: () => 'wrong user name or password; check sasl',
  UNSUPPORTED_SASL_MECHANISM: () =>
    'the broker does not take this sasl.mechanism; take one that sasl.enabled.mechanisms of the broker names',
  ILLEGAL_SASL_STATE: () => 'the listener of this port takes no credentials; leave sasl out, or take the port of a SASL listener',
  INCONSISTENT_GROUP_PROTOCOL: ({ groupId }) =>
    `the group id ${groupId ?? ''} is in use by members of another protocol (another program, or another kind of client); take another groupId, or stop them`,
  INVALID_SESSION_TIMEOUT: () =>
    'sessionTimeoutMs is outside of what the broker allows (group.min.session.timeout.ms to group.max.session.timeout.ms)',
  INVALID_GROUP_ID: ({ groupId }) => `${groupId ?? 'the groupId'} is not a group id`,
  INVALID_TOPIC_EXCEPTION: ({ topic }) => `${topic ?? 'the topic'} is not a name that a topic can have`,
  INVALID_TIMESTAMP: ({ topic }) =>
    `the clock of this machine is further from the broker's than topic ${topic ?? ''} allows; set the clocks right, or allow more ` +
    'by its message.timestamp.before.max.ms and message.timestamp.after.max.ms',
  GROUP_MAX_SIZE_REACHED: () => 'the group has as many members as the broker allows (group.max.size)',
  UNSUPPORTED_VERSION: () => 'the broker does not know this request: it is too old or too new for the client',
  REBALANCE_IN_PROGRESS: () => 'the group is rebalancing',
  ILLEGAL_GENERATION: () => 'the group has rebalanced since',
  UNKNOWN_MEMBER_ID: () => 'the group does not know this member any more: it was silent for longer than sessionTimeoutMs',
}

/** A fresh generation or a fresh producer cures them. */
const againAnswers = new Set([
  'REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'MEMBER_ID_REQUIRED', 'FENCED_INSTANCE_ID',
  'OUT_OF_ORDER_SEQUENCE_NUMBER', 'DUPLICATE_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID', 'INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_ID_MAPPING',
]) // biome-ignore format: a list of names

/** kafkajs does not go on by itself after these, but waiting helps. */
const awayAnswers = new Set(['BROKER_NOT_AVAILABLE', 'STALE_CONTROLLER_EPOCH', 'STALE_BROKER_EPOCH', 'LOG_DIR_NOT_FOUND'])

const awayNames = new Set([
  'KafkaJSConnectionError', 'KafkaJSConnectionClosedError', 'KafkaJSRequestTimeoutError', 'KafkaJSTimeout', 'KafkaJSLockTimeout', 'KafkaJSBrokerNotFound',
  'KafkaJSNoBrokerAvailableError', 'KafkaJSGroupCoordinatorNotFound', 'KafkaJSMetadataNotLoaded', 'KafkaJSTopicMetadataNotLoaded',
  'KafkaJSStaleTopicMetadataAssignment',
]) // biome-ignore format: a list of names

const networkReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there; check brokers, and that the broker runs',
  ENOTFOUND: 'no host has this name; check brokers, and advertised.listeners of the broker',
  EAI_AGAIN: 'the name could not be looked up',
  ECONNRESET: 'the broker closed the connection; if it asks for TLS or credentials, or takes none, check ssl and sasl',
  EPIPE: 'the broker closed the connection; if it asks for TLS or credentials, or takes none, check ssl and sasl',
  ETIMEDOUT: 'no answer; check brokers, and the network between',
  EHOSTUNREACH: 'no way there; check brokers, and the network between',
  ENETUNREACH: 'no way there; check brokers, and the network between',
}

const isTlsCode = (code: string): boolean => /^(ERR_TLS_|ERR_SSL_)|_CERT|CERT_|^UNABLE_TO_/.test(code)

function tlsFix(code: string): string {
  if (/ALTNAME/.test(code)) return "the broker's certificate is for another host name: take the name that it is for in brokers"
  if (/ALERT|HANDSHAKE/.test(code)) return 'the broker did not take our certificate: set ssl.cert and ssl.key'
  if (/EXPIRED|NOT_YET_VALID/.test(code)) return "renew the broker's certificate"
  if (/WRONG_VERSION|PACKET_LENGTH/.test(code)) return 'this port does not speak TLS: leave ssl out, or take the port of a TLS listener'
  return "the broker's certificate is of an authority that is not trusted here: set ssl.ca"
}

/** The error and its causes, outermost first; of several at once (`errors`), the first counts. */
function linksOf(error: unknown): readonly Link[] {
  const links: Link[] = []
  for (let at: unknown = error; typeof at === 'object' && at !== null && links.length < MAX_CAUSES; ) {
    const { name, message, type, code, retriable, cause, errors } = at as Record<string, unknown>
    links.push({
      name: String(name ?? ''),
      message: String(message ?? ''),
      type: typeof type === 'string' ? type : undefined,
      code: typeof code === 'string' ? code : undefined,
      retriable: typeof retriable === 'boolean' ? retriable : undefined,
    })
    at = Array.isArray(errors) ? errors[0] : cause
  }
  return links.length > 0 ? links : [{ name: '', message: String(error), type: undefined, code: undefined, retriable: undefined }]
}

/** Millrace's own error that the client wrapped: of a codec, or of a batch that cannot be read. */
function ownOf(error: unknown): MillraceError | undefined {
  let at: unknown = error
  for (let depth = 0; typeof at === 'object' && at !== null && depth < MAX_CAUSES; depth++) {
    if (at instanceof MillraceError) return at
    at = (at as { cause?: unknown }).cause
  }
  return undefined
}
