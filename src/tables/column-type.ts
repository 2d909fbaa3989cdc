/**
 * What is known of one Postgres type: which JavaScript values it takes, and how they are written for the server.
 *
 * `refuse` comes first; the other functions are only called with what it let pass, and never with null or undefined.
 */
export interface ColumnType {
  /** The name as Postgres's `format_type` gives it: `character varying(20)`. */
  readonly sql: string
  /** The expectation that the value does not meet, in words that follow "takes"; undefined where the server takes it. */
  readonly refuse: (value: unknown) => string | undefined
  /** As the type's input function reads it. */
  readonly text: (value: never) => string
  /** As a cell of COPY's text format. */
  readonly copy: (value: never) => string
  /** As a JSON value for `jsonb_to_recordset`. */
  readonly json: (value: never) => string
  /** One text for all values that the server's unique index takes as equal. */
  readonly canonical: (value: never) => string
}

const special = /[\\\n\r\t]/
const specials = /[\\\n\r\t]/g
const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

// Up to about here one expression is faster than four searches, which go through memory in words.
const SHORT = 24

function hasSpecial(text: string): boolean {
  if (text.length <= SHORT) return special.test(text)
  return text.includes('\\') || text.includes('\n') || text.includes('\r') || text.includes('\t')
}

/** A text as a cell of COPY's text format: only backslash, line feed, carriage return and tab mean something in it. */
export function escapeCopy(text: string): string {
  return hasSpecial(text) ? text.replace(specials, character => escapes[character]!) : text
}

/** A type whose text form needs no escape, in COPY or in JSON; in JSON it stands as a string. */
export function plainType<T>(
  type: Pick<ColumnType, 'sql' | 'refuse'> & {
    readonly text: (value: T) => string
    readonly json?: (value: T) => string
    readonly canonical?: (value: T) => string
  },
): ColumnType {
  const { sql, refuse, text } = type
  return { sql, refuse, text, copy: text, json: type.json ?? (value => `"${text(value)}"`), canonical: type.canonical ?? text }
}

/** A type whose text form may hold anything. */
export function escapedType<T>(
  type: Pick<ColumnType, 'sql' | 'refuse'> & {
    readonly text: (value: T) => string
    readonly json?: (value: T) => string
    readonly canonical?: (value: T) => string
  },
): ColumnType {
  const { sql, refuse, text } = type
  return {
    sql,
    refuse,
    text,
    copy: (value: T) => escapeCopy(text(value)),
    json: type.json ?? ((value: T) => JSON.stringify(text(value))),
    canonical: type.canonical ?? text,
  }
}
