import { isPlainObject } from './plain-object.js'
import { isSecretKey } from './secret-keys.js'

/**
 * The secrets in a config, to be hidden wherever they occur: what stands under a secret key, and passwords within URLs and connection strings.
 *
 * Columns and properties of schemas are passed over: `columns: { token: 'text' }` does not make `text` a secret.
 */
export function findSecrets(value: unknown): Set<string> {
  const found = new Set<string>()
  gather(value, '', false, found)
  return found
}

/** What the environment holds of secrets, whether a config names it or not: code reads it by itself. */
export function secretsOfEnvironment(env: Readonly<Record<string, string | undefined>>): string[] {
  const entries = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined)
  const named = entries
    .filter(([name, value]) => isSecretKey(name) && !directories.has(name) && value.length >= SHORTEST_OF_ENVIRONMENT)
    .map(([, value]) => value)
  return [...named, ...findSecrets(entries.map(([, value]) => value))]
}

/** What every shell has there: where one is, and was. */
const directories = new Set(['PWD', 'OLDPWD', 'INIT_CWD'])

/** `TOKEN_CHECK=strict` is none: what is shorter is hidden only where the config names it. */
const SHORTEST_OF_ENVIRONMENT = 8

const DESCRIBING = new Set(['columns', 'properties', 'schema'])
const HARMLESS = new Set(['mechanism', 'username', 'user', 'region', 'accessKeyId', 'authorizationIdentity', 'host'])

function gather(value: unknown, key: string, isSecret: boolean, found: Set<string>): void {
  if (typeof value === 'string') {
    if (isSecret && value !== '') found.add(value)
    for (const password of passwordsOf(value)) found.add(password)
  } else if ((typeof value === 'number' || typeof value === 'bigint') && isSecret) found.add(`${value}`)
  else if (Array.isArray(value)) {
    // A header as a pair: ['x-api-key', '…'].
    const isPair = value.length === 2 && typeof value[0] === 'string' && isSecretKey(value[0])
    for (const [i, item] of value.entries()) gather(item, key, isPair ? i === 1 : isSecret, found)
  } else if (isPlainObject(value) && !DESCRIBING.has(key)) {
    for (const [name, item] of Object.entries(value)) {
      const isKeyOfTls = name === 'key' && /^(ssl|tls)$/i.test(key)
      gather(item, name, (isSecret && !HARMLESS.has(name)) || isSecretKey(name) || isKeyOfTls, found)
    }
  }
}

/** The passwords within a URL or a connection string of libpq, as written and as meant. */
function* passwordsOf(text: string): Generator<string> {
  for (const [, password] of text.matchAll(/\b[a-z][a-z0-9+.-]*:\/\/[^\s:@/?#]*:([^\s]*)@/gi)) yield* bothWays(password!)
  for (const [, password] of text.matchAll(/[?&](?:password|sslpassword|token|access_token|api_?key)=([^&#\s]+)/gi))
    yield* bothWays(password!)
  for (const [, quoted, bare] of text.matchAll(/\b(?:ssl)?password\s*=\s*(?:'((?:[^'\\]|\\.)*)'|([^\s'&]+))/gi)) {
    if (bare !== undefined) yield bare
    else if (quoted) yield* [quoted, quoted.replace(/\\(.)/g, '$1')]
  }
}

function* bothWays(password: string): Generator<string> {
  if (password === '') return
  yield password
  try {
    yield decodeURIComponent(password)
  } catch {
    // It is not percent-encoded, only looks so.
  }
}
