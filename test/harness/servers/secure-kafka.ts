import { type Certificates, makeCertificates } from './certificates.js'
import { LocalKafka } from './local-kafka.js'

/** How a client logs in: what kafkajs and `kafkaSource` take. */
export type Mechanism = 'plain' | 'scram-sha-256' | 'scram-sha-512'

/** What a client of a secure broker connects with. */
export interface SecureConnection {
  readonly brokers: string[]
  readonly ssl?: { readonly ca: string[]; readonly cert?: string; readonly key?: string }
  readonly sasl?: { readonly mechanism: Mechanism; readonly username: string; readonly password: string }
}

/** The users, with their passwords, by every mechanism. They may do nothing until an ACL allows it. */
export const users = { alice: 's3cr3t-of-alice', bob: 's3cr3t-of-bob' } as const

/**
 * A broker with TLS, SASL and KRaft's StandardAuthorizer. Who comes without a name (the listener without credentials, and TLS without a client's
 * certificate) may do everything: by that listener, `server.address`, a test makes topics and ACLs.
 */
export class SecureKafka {
  private constructor(
    readonly server: LocalKafka,
    readonly certificates: Certificates,
  ) {}

  /** Some 4 s. Throws {@link ServerMissing} where Java, the jars or openssl are not to be had. */
  static async create(settings: Readonly<Record<string, string>> = {}): Promise<SecureKafka> {
    const certificates = await makeCertificates()
    const { ca, server } = certificates
    const format = Object.entries(users).flatMap(([name, password]) =>
      ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap(mechanism => ['--add-scram', `${mechanism}=[name=${name},password=${password}]`]),
    )
    const broker = await LocalKafka.create({
      listeners: { SASL_SSL: 'SASL_SSL', SASL_PLAIN: 'SASL_PLAINTEXT', SSL: 'SSL', MTLS: 'SSL' },
      files: { 'server.pem': `${server.key}${server.cert}${ca}`, 'ca.pem': ca },
      format,
      settings: { ...SETTINGS, ...settings },
    })
    return new SecureKafka(broker, certificates)
  }

  /** TLS and a login. */
  saslSsl(mechanism: Mechanism, username: string = 'alice', password: string = users.alice): SecureConnection {
    return { ...this.ssl('SASL_SSL'), sasl: { mechanism, username, password } }
  }

  /** A login without TLS. */
  saslPlaintext(mechanism: Mechanism, username: string = 'alice', password: string = users.alice): SecureConnection {
    return { brokers: [this.server.addressOf('SASL_PLAIN')], sasl: { mechanism, username, password } }
  }

  /** TLS without a login. */
  ssl(listener = 'SSL'): SecureConnection {
    return { brokers: [this.server.addressOf(listener)], ssl: { ca: [this.certificates.ca] } }
  }

  /** TLS with the client's certificate: the broker knows it as `User:CN=client`. */
  mtls(): SecureConnection {
    const { brokers, ssl } = this.ssl('MTLS')
    return { brokers, ssl: { ...ssl!, ...this.certificates.client } }
  }

  /** TLS, and a login by a token that `token` gives: see {@link tokenOf}. */
  oauthbearer(token: () => Promise<string>) {
    return { ...this.ssl('SASL_SSL'), sasl: { mechanism: 'oauthbearer' as const, token } }
  }

  async stop(): Promise<void> {
    await this.server.stop()
  }
}

/**
 * A token for `username` as the broker takes it: a JWS without a signature, by Kafka's own login module for tests. From `validForMs` of 0 down it has expired.
 *
 * @see KIP-255
 */
export function tokenOf(username: string, validForMs = 3_600_000): string {
  const now = Date.now()
  const claims = {
    sub: username,
    iat: Math.floor((now + Math.min(0, validForMs) - 1_000) / 1_000),
    exp: Math.floor((now + validForMs) / 1_000),
  }
  const part = (of: object) => Buffer.from(JSON.stringify(of)).toString('base64url')
  return `${part({ alg: 'none' })}.${part(claims)}.`
}

const OAUTHBEARER_LOGIN = 'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule'
const PLAIN_LOGIN = 'org.apache.kafka.common.security.plain.PlainLoginModule'
const SCRAM_LOGIN = 'org.apache.kafka.common.security.scram.ScramLoginModule'
const plainUsers = Object.entries(users).map(([name, password]) => `user_${name}="${password}"`)
const logins = Object.fromEntries(
  ['sasl_ssl', 'sasl_plain'].flatMap(listener => [
    [`listener.name.${listener}.plain.sasl.jaas.config`, `${PLAIN_LOGIN} required ${plainUsers.join(' ')};`],
    [`listener.name.${listener}.scram-sha-256.sasl.jaas.config`, `${SCRAM_LOGIN} required;`],
    [`listener.name.${listener}.scram-sha-512.sasl.jaas.config`, `${SCRAM_LOGIN} required;`],
    [`listener.name.${listener}.oauthbearer.sasl.jaas.config`, `${OAUTHBEARER_LOGIN} required unsecuredLoginStringClaim_sub="broker";`],
  ]),
)

const SETTINGS = {
  'ssl.keystore.type': 'PEM',
  'ssl.keystore.location': '{directory}/server.pem',
  'ssl.truststore.type': 'PEM',
  'ssl.truststore.location': '{directory}/ca.pem',
  'listener.name.mtls.ssl.client.auth': 'required',
  'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
  ...logins,
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS',
  'allow.everyone.if.no.acl.found': 'false',
}
