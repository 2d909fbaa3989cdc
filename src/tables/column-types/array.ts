import { type ColumnType, escapedType } from '../column-type.js'

const plainElements = new Set(['integer', 'bigint', 'double precision', 'boolean'])

/** A one-dimensional array; written as a literal of Postgres in COPY and in JSON, since the recordset takes that too. */
export function arrayType(of: ColumnType, takesNull: boolean): ColumnType {
  const element = of.text as (value: unknown) => string
  const canonical = of.canonical as (value: unknown) => string
  const write: (value: unknown) => string = plainElements.has(of.sql) ? element : value => quoteElement(element(value))
  return escapedType<readonly unknown[]>({
    sql: `${of.sql}[]`,
    refuse: value => refuseElements(value, of, takesNull),
    text: values => literal(values, write),
    canonical: values => literal(values, value => quoteElement(canonical(value))),
  })
}

function refuseElements(values: unknown, of: ColumnType, takesNull: boolean): string | undefined {
  if (!Array.isArray(values)) return `an array of ${of.sql}`
  for (let i = 0; i < values.length; i++) {
    const value: unknown = values[i]
    if (value === null && takesNull) continue
    const expected = value === null || value === undefined ? `no ${value}` : of.refuse(value)
    if (expected !== undefined) return `at index ${i} of its array ${expected}`
  }
  return undefined
}

function literal(values: readonly unknown[], write: (value: unknown) => string): string {
  let text = '{'
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    text += (i === 0 ? '' : ',') + (value === null ? 'NULL' : write(value))
  }
  return `${text}}`
}

const special = /["\\]/
const specials = /["\\]/g

const quoteElement = (text: string): string => (special.test(text) ? `"${text.replace(specials, '\\$&')}"` : `"${text}"`)
