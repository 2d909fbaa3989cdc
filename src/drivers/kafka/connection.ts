import { option } from '../../core/options.js'
import type { KafkaConnection, KafkaSasl } from './driver.js'

const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer', 'aws']

/** The rules of the options by which a cluster is reached, for whatever talks to one: see {@link KafkaConnection}. */
export const connectionRules = {
  brokers: option.matching(
    "a list of 'host:port', at least one",
    value => Array.isArray(value) && value.length > 0 && value.every(broker => typeof broker === 'string' && /^\S+:\d+$/.test(broker)),
  ),
  clientId: option.text({ default: 'millrace' }),
  // May hold a private key.
  ssl: option.secret('true, false, or what tls.connect takes', value => typeof value === 'boolean' || isObject(value), { optional: true }),
  sasl: option.secret(`credentials whose mechanism is one of ${MECHANISMS.join(', ')}`, isSasl, { optional: true }),
  connectTimeoutMs: option.wholeNumber(1, { default: 10_000 }),
} as const

/** What of resolved options is the connection. */
export function connectionOf(options: ConnectionGiven): ConnectionGiven {
  const { brokers, clientId, ssl, sasl, connectTimeoutMs } = options
  return { brokers, clientId, connectTimeoutMs, ...(ssl !== undefined && { ssl }), ...(sasl !== undefined && { sasl }) }
}

/** A connection whose defaults are put in. */
export type ConnectionGiven = Required<Pick<KafkaConnection, 'brokers' | 'clientId' | 'connectTimeoutMs'>> & KafkaConnection

function isSasl(value: unknown): boolean {
  if (!isObject(value)) return false
  const { mechanism } = value as { mechanism?: unknown }
  if (typeof mechanism !== 'string' || !MECHANISMS.includes(mechanism)) return false
  const sasl = value as unknown as KafkaSasl
  if (sasl.mechanism === 'oauthbearer') return typeof sasl.token === 'function'
  if (sasl.mechanism === 'aws') return isText(sasl.authorizationIdentity) && isText(sasl.accessKeyId) && isText(sasl.secretAccessKey)
  return isText(sasl.username) && isText(sasl.password)
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
const isText = (value: unknown): boolean => typeof value === 'string'
