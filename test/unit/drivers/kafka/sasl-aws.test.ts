import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { silentLog } from '../../../../src/core/log.js'
import type { KafkaConnection } from '../../../../src/drivers/kafka/driver.js'
import { openKafka } from '../../../../src/drivers/kafka/open-kafka.js'

// No broker that one can download takes this mechanism: Kafka has it not, and a broker needs a plug-in of its own and an account for it. So what can be
// held here is what goes over the wire, against a listener that knows no more of Kafka than the way to a login.

const API_VERSIONS = 18
const SASL_HANDSHAKE = 17
const SASL_AUTHENTICATE = 36
const SASL_AUTHENTICATION_FAILED = 58

const int16 = (n: number) => Buffer.from([(n >> 8) & 255, n & 255])
const int32 = (n: number) => Buffer.from([(n >> 24) & 255, (n >> 16) & 255, (n >> 8) & 255, n & 255])
const text = (of: string) => Buffer.concat([int16(Buffer.byteLength(of)), Buffer.from(of)])

/** What a listener was asked for. */
interface Heard {
  readonly mechanisms: string[]
  readonly logins: Buffer[]
}

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** Refuses every login, after it was told of it. */
async function listener(): Promise<{ readonly address: string; readonly heard: Heard }> {
  const heard: Heard = { mechanisms: [], logins: [] }
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    let pending = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', chunk => {
      pending = Buffer.concat([pending, chunk])
      while (pending.length >= 4 && pending.length >= 4 + pending.readInt32BE(0)) {
        const request = pending.subarray(4, 4 + pending.readInt32BE(0))
        pending = pending.subarray(4 + request.length)
        const answer = Buffer.concat([request.subarray(4, 8), answerTo(request, heard)])
        socket.write(Buffer.concat([int32(answer.length), answer]))
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, heard }
}

/** @see The Kafka protocol: request header v1, ApiVersions v2, SaslHandshake v1, SaslAuthenticate v1. */
function answerTo(request: Buffer, heard: Heard): Buffer {
  const body = request.subarray(10 + request.readInt16BE(8))
  switch (request.readInt16BE(0)) {
    case API_VERSIONS: {
      const versions = [API_VERSIONS, 0, 2, SASL_HANDSHAKE, 0, 1, SASL_AUTHENTICATE, 0, 1]
      return Buffer.concat([int16(0), int32(versions.length / 3), ...versions.map(int16), int32(0)])
    }
    case SASL_HANDSHAKE:
      heard.mechanisms.push(body.toString('utf8', 2, 2 + body.readInt16BE(0)))
      return Buffer.concat([int16(0), int32(1), text('AWS')])
    case SASL_AUTHENTICATE:
      heard.logins.push(Buffer.from(body.subarray(4, 4 + body.readInt32BE(0))))
      return Buffer.concat([int16(SASL_AUTHENTICATION_FAILED), text('no such key'), int32(0), int32(0), int32(0)])
    default:
      throw new Error(`asked for ${request.readInt16BE(0)} before a login`)
  }
}

const given = { mechanism: 'aws', authorizationIdentity: 'AIDA1', accessKeyId: 'AKIA2', secretAccessKey: 'secret/3' } as const

const login = (address: string, sasl: NonNullable<KafkaConnection['sasl']>) =>
  openKafka({ brokers: [address], clientId: 'millrace-tests', connectTimeoutMs: 5_000, sasl }, silentLog).openAdmin()

it('aws sends identity, key, secret and session token, and says what the broker answered without a secret in it', async () => {
  const { address, heard } = await listener()
  const error = await login(address, { ...given, sessionToken: 'token 4' }).then(undefined, of => of)
  expect(heard).toEqual({ mechanisms: ['AWS'], logins: [Buffer.from('AIDA1\0AKIA2\0secret/3\0token 4')] })
  expect(error).toMatchObject({ code: 'MILL_KAFKA_REFUSED', retryable: false, message: expect.stringMatching(/no such key.*check sasl/) })
  expect(error.message).not.toContain('secret/3')
})

it('aws sends an empty token where there is none, and leaves the given credentials as they are', async () => {
  const { address, heard } = await listener()
  const frozen = Object.freeze({ ...given })
  await expect(login(address, frozen)).rejects.toMatchObject({ code: 'MILL_KAFKA_REFUSED' })
  expect(heard.logins).toEqual([Buffer.from('AIDA1\0AKIA2\0secret/3\0')])
})
