const WORDS = new Set([
  'password',
  'passwords',
  'passwd',
  'pwd',
  'pass',
  'passphrase',
  'secret',
  'secrets',
  'token',
  'tokens',
  'credential',
  'credentials',
  'authorization',
  'auth',
  'cookie',
  'cookies',
  'sasl',
  'bearer',
  'signature',
  'pfx',
  'jwt',
  'pat',
  'pgpass',
])
const PAIRS = new Set([
  'api key',
  'access key',
  'private key',
  'secret key',
  'signing key',
  'encryption key',
  'client key',
  'ssl key',
  'tls key',
  'account key',
  'shared key',
  'key pem',
  'key file',
])
/** What is written in one: `dbpassword`, `PGPASSWORD`, `accesstoken`. */
const ENDING = /(password|passwd|passphrase|secret|token|credentials?|apikey|accesskey|privatekey|secretkey|sslkey|authorization)$/

/** Whether what stands under a key (or an environment variable of this name holds) must not be shown. */
export function isSecretKey(key: string): boolean {
  const words = key
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
  return words.some((word, i) => WORDS.has(word) || ENDING.test(word) || PAIRS.has(`${word} ${words[i + 1] ?? ''}`))
}
