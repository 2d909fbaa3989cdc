/** A name as SQL: `"order"`. Dots are part of the name. @internal */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A table's name as SQL; `schema.table` is two names. @internal */
export function tableIdentifier(name: string): string {
  return name.split('.').map(identifier).join('.')
}

/** A text as SQL: `'it''s'`. Safe whatever `standard_conforming_strings` is. NUL cannot be held by Postgres: callers see to that. @internal */
export function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`
  return text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted
}

/** Bytes as SQL. @internal */
export function bytesLiteral(bytes: Uint8Array): string {
  return `'\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}'::bytea`
}

/** A list of texts as SQL. @internal */
export function textArray(texts: readonly string[]): string {
  return `array[${texts.map(literal).join(',')}]::text[]`
}
