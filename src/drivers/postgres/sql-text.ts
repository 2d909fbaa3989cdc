/** An identifier as it stands in SQL, whatever is in it: `"order"`. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A table's name as it stands in SQL; one dot parts schema and name: `"sales"."orders"`. */
export function quoteTableName(name: string): string {
  return name.split('.').map(quoteIdentifier).join('.')
}

/**
 * A text as a literal of SQL. Safe whatever is in it, also where the server has `standard_conforming_strings` off.
 *
 * The text must not contain NUL: no literal of Postgres can.
 */
export function quoteLiteral(text: string): string {
  const quoted = text.replaceAll("'", "''")
  // The space keeps E apart from a word before it.
  return quoted.includes('\\') ? ` E'${quoted.replaceAll('\\', '\\\\')}'` : `'${quoted}'`
}
