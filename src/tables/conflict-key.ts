import type { TableDefinition } from './table.js'

/** See `TableCodec.conflictKey`. */
export function compileConflictKey({ key, columns }: TableDefinition): (row: unknown) => string | undefined {
  if (key.length === 0) return () => undefined
  const parts = key.map(name => ({ name, canonical: columns.get(name)!.type.canonical as (value: unknown) => string }))
  const [{ name: only, canonical: onlyCanonical }] = parts as [(typeof parts)[0]]
  const keyOf = (row: Readonly<Record<string, unknown>>): string | undefined => {
    if (parts.length === 1) return row[only] === undefined ? undefined : onlyCanonical(row[only])
    let text = ''
    for (const { name, canonical } of parts) {
      if (row[name] === undefined) return undefined
      // No text of Postgres holds NUL, so the parts cannot run into each other.
      text += `${canonical(row[name])}\0`
    }
    return text
  }
  return row => {
    try {
      return keyOf(row as Readonly<Record<string, unknown>>)
    } catch {
      return undefined
    }
  }
}
