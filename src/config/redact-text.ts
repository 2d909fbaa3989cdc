import { isSecretKey } from './secret-keys.js'

/** What stands in the place of a secret. */
export const HIDDEN = '***'

/** A secret of three characters is found in half of all texts: such are hidden where they stand, and not wherever they occur. */
const SHORTEST = 4

/**
 * Hides secrets in a text: the given ones wherever they occur (also percent-encoded, as JSON and in base64), and what looks like one: passwords of
 * URLs, `password=…` of libpq and the environment, `authorization` headers, private keys.
 */
export function redactText(text: string, secrets: readonly string[] = []): string {
  if (text === '') return text
  const known = patternOf(secrets)
  return hideShapes(known === null ? text : text.replace(known, HIDDEN))
}

const patterns = new WeakMap<readonly string[], RegExp | null>()

/** Built once for each list: a log asks for every line. */
function patternOf(secrets: readonly string[]): RegExp | null {
  const found = patterns.get(secrets)
  // A list that has grown since is built anew.
  if (found !== undefined && Object.isFrozen(secrets)) return found
  const forms = new Set(secrets.filter(secret => secret.length >= SHORTEST).flatMap(formsOf))
  // The longest first: one may begin another.
  const sorted = [...forms].sort((a, b) => b.length - a.length)
  const pattern = sorted.length === 0 ? null : new RegExp(sorted.map(escaped).join('|'), 'g')
  patterns.set(secrets, pattern)
  return pattern
}

/** The ways in which a secret may stand in a text. */
function formsOf(secret: string): string[] {
  const forms = [secret, JSON.stringify(secret).slice(1, -1), Buffer.from(secret).toString('base64')]
  // Of a text with half a character no URL can be made.
  if (secret.isWellFormed()) forms.push(encodeURIComponent(secret), encodeURI(secret))
  return forms
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')

/** `scheme://user:password@host`; greedy, as passwords with a bare @ or / are in use. */
const userOfUrl = /\b([a-z][a-z0-9+.-]*:\/\/)([^\s:@/?#"'`<>]*):([^\s"'`<>]*)@/gi
/** `https://token@host`: who has only a name there has a key. */
const tokenOfUrl = /\b(https?:\/\/)[^\s:@/?#"'`<>]+@/gi
const pem = /-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----[\s\S]*?(?:-----END \1-----|$)/g
const scheme = /\b(bearer|basic|digest|negotiate|apikey)(\s+)[\w.~+/=:-]{8,}/gi
/** `name=value`, `name: value`, `"name": "value"`, and the same within a text within JSON (`\"name\":\"value\"`). */
const pair = new RegExp(
  String.raw`(\\*["']|)([\w$.-]{2,80})\1(\s*(?:=>|[:=])\s*)(` +
    [
      // From an escaped quote up to the next that is escaped as often.
      String.raw`(\\+["'])[\s\S]*?(?:(?<!\\)\5|$)`,
      // Quotes, within which they may be escaped or doubled.
      String.raw`"(?:[^"\\]|\\[\s\S])*"?`,
      String.raw`'(?:[^'\\]|\\[\s\S]|'')*'?`,
      String.raw`(?:bearer|basic|digest)\s+[^\s"']+`,
      // libpq reads up to the next space; what follows a colon is mostly one of a list.
      String.raw`(?<==\s*)[^\s"'&]+`,
      String.raw`[^\s"',;&)\]}]+`,
    ].join('|') +
    ')',
  'gi',
)

function hideShapes(text: string): string {
  // Each is looked for only where it can be: most lines of a log have none.
  if (text.includes('-----BEGIN ')) text = text.replace(pem, HIDDEN)
  if (text.includes('://')) text = text.replace(userOfUrl, `$1$2:${HIDDEN}@`).replace(tokenOfUrl, `$1${HIDDEN}@`)
  if (/[:=]/.test(text)) text = text.replace(pair, hidePair)
  return text.replace(scheme, `$1$2${HIDDEN}`)
}

function hidePair(found: string, quote: string, key: string, between: string, value: string): string {
  // What looks like a value may hold a pair of its own: `failed: password=…`.
  if (!isSecretKey(key)) return `${quote}${key}${quote}${between}${value.replace(pair, hidePair)}`
  if (value === HIDDEN || /^(true|false|null|undefined|\[|\{)/.test(value)) return found
  const open = /^\\*["']/.exec(value)?.[0] ?? ''
  return `${quote}${key}${quote}${between}${open}${HIDDEN}${open}`
}
