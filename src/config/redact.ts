import { HIDDEN, redactText } from './redact-text.js'
import { isSecretKey } from './secret-keys.js'

/**
 * A copy of a value with its secrets hidden, at any depth: what stands under a key like `password`, `token` or `sasl`, passwords in URLs and
 * connection strings, private keys, and the given secrets wherever they occur, in keys too.
 *
 * Objects keep their shape; functions and what else JSON cannot hold become a word. It never throws: getters may.
 *
 * @param secrets - What else must not be shown: `LoadedConfig.secrets`.
 */
export function redact<T>(value: T, secrets: readonly string[] = []): T {
  return new Redaction(secrets).of(value, null) as T
}

/** Where a value stands: under a secret key everything in it is one. */
type Within = { readonly key: string; readonly isSecret: boolean; readonly isTls: boolean } | null

class Redaction {
  private readonly seen = new Map<object, unknown>()

  constructor(private readonly secrets: readonly string[]) {}

  of(value: unknown, within: Within): unknown {
    switch (typeof value) {
      case 'string':
        return within?.isSecret && value !== '' ? HIDDEN : redactText(value, this.secrets)
      case 'number':
      case 'bigint':
        return within?.isSecret || redactText(`${value}`, this.secrets) !== `${value}` ? HIDDEN : value
      case 'symbol':
      case 'function':
        return redactText(String(typeof value === 'function' ? `[function ${value.name}]` : value), this.secrets)
      case 'object':
        return value === null ? null : this.ofObject(value, within)
      default:
        return value
    }
  }

  private ofObject(value: object, within: Within): unknown {
    const before = this.seen.get(value)
    if (before !== undefined) return before
    try {
      return this.copied(value, within)
    } catch {
      return '[not shown]'
    }
  }

  private copied(value: object, within: Within): unknown {
    if (value instanceof Date) return value
    if (value instanceof URL || value instanceof RegExp) return within?.isSecret ? HIDDEN : redactText(String(value), this.secrets)
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
    if (value instanceof Map) return this.filled(value, {}, [...value], within)
    if (value instanceof Set) return this.ofArray([...value], value, within)
    if (Array.isArray(value)) return this.ofArray(value, value, within)
    if (value instanceof Error) return this.ofError(value, within)
    return this.filled(value, {}, Object.entries(value), within)
  }

  private ofArray(items: readonly unknown[], original: object, within: Within): unknown[] {
    const copy: unknown[] = []
    this.seen.set(original, copy)
    // A header as a pair: ['authorization', 'Bearer …'].
    const [name] = items
    const isPair = items.length === 2 && typeof name === 'string' && isSecretKey(name)
    for (const [i, item] of items.entries()) {
      copy.push(this.of(item, isPair && i === 1 ? { key: name as string, isSecret: true, isTls: false } : within))
    }
    return copy
  }

  private ofError(error: Error, within: Within): unknown {
    const copy = Object.create(Object.getPrototypeOf(error), {}) as Error
    const { name, message, stack, cause } = error
    const own = { ...error, message, stack, ...(cause !== undefined && { cause }), ...(Object.hasOwn(error, 'name') && { name }) }
    return this.filled(error, copy, Object.entries(own), within)
  }

  private filled(original: object, copy: object, entries: Iterable<readonly [unknown, unknown]>, within: Within): object {
    this.seen.set(original, copy)
    for (const [given, value] of entries) {
      const key = typeof given === 'string' ? given : String(given)
      // Defined, not assigned: a key may be __proto__.
      Object.defineProperty(copy, redactText(key, this.secrets), {
        value: this.of(value, placeOf(key, within)),
        enumerable: true,
        writable: true,
        configurable: true,
      })
    }
    return copy
  }
}

/** What says how, not with what. */
const HARMLESS = new Set(['mechanism', 'region'])

function placeOf(key: string, within: Within): Within {
  const isTls = /^(ssl|tls)$/i.test(key)
  const isSecret = within?.isSecret ? !HARMLESS.has(key) : isSecretKey(key) || (within?.isTls === true && key === 'key')
  return { key, isSecret, isTls }
}
