import type { AuthenticationProviderArgs, Authenticator } from 'kafkajs'
import { MillraceError } from '../../core/errors.js'

/**
 * Logs in by a token, asked for at each connection. kafkajs's own way takes a refusal for a welcome: a broker refuses a token in the data of an answer
 * that has no error code, and closes the connection at the next request; the run would wait for a broker that is away.
 *
 * @see RFC 7628 §3.1, §3.2.2; KIP-255
 */
export function oauthBearer(token: () => Promise<string>): (args: AuthenticationProviderArgs) => Authenticator {
  return ({ host, port, saslAuthenticate }) => {
    // Without a cause: where an error has one, kafkajs gives out that instead.
    const at = { cluster: `${host}:${port}`, doing: 'log in by oauthbearer' }
    return {
      async authenticate() {
        const given = await tokenOf(token).catch(error => {
          throw new MillraceError('MILL_KAFKA_AWAY', { ...at, reason: `sasl.token gave none: ${error}` })
        })
        const refusal = await saslAuthenticate<string>({
          request: { encode: () => withLength(`n,,\u0001auth=Bearer ${given}\u0001\u0001`) },
          response: { decode: answer => answer.subarray(LENGTH_BYTES), parse: data => data.toString() },
        })
        if (refusal) throw new MillraceError('MILL_KAFKA_REFUSED', { ...at, reason: `the token of sasl.token is not valid: ${refusal}` })
      },
    }
  }
}

async function tokenOf(token: () => Promise<string>): Promise<string> {
  return token()
}

const LENGTH_BYTES = 4

function withLength(text: string): Buffer {
  const bytes = Buffer.from(`....${text}`)
  bytes.writeInt32BE(bytes.length - LENGTH_BYTES, 0)
  return bytes
}
