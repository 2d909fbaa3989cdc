import { randomBytes } from 'node:crypto'

/** A secret that is nothing else: found anywhere, it has leaked. What the whole suite says is searched for how it begins (scripts/test.js). */
export const secretOf = (kind: string): string => `s3cr3t-${kind}-${randomBytes(6).toString('hex')}`

const environment = secretOf('environment')

/** In the environment of every command that a test runs; nothing refers to it. */
export const seededEnvironment: Readonly<Record<string, string>> = { MILLRACE_SEEDED_PASSWORD: environment }

/**
 * Searches what was said for secrets, in the forms in which text is carried too.
 *
 * @returns Which one was found and what stands around it; null when there is none.
 */
export function hiddenIn(text: string, secrets: readonly string[] = []): string | null {
  for (const secret of [environment, ...secrets]) {
    for (const [form, written] of formsOf(secret)) {
      const at = text.indexOf(written)
      if (at >= 0) return `${form} of ${secret}: …${text.slice(Math.max(0, at - 120), at + written.length + 40)}…`
    }
  }
  return null
}

function formsOf(secret: string): [form: string, written: string][] {
  const bytes = Buffer.from(secret)
  return [
    ['the text', secret],
    ['the form in URLs', encodeURIComponent(secret)],
    ['the form in JSON', JSON.stringify(secret).slice(1, -1)],
    ['the hexadecimal form', bytes.toString('hex')],
    // Without its end, which depends on what follows.
    ['the form in base64', bytes.toString('base64').replace(/=+$/, '').slice(0, -1)],
  ]
}
