import { type ColumnType, escapedType } from '../column-type.js'

const hex = (value: Uint8Array): string => Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')

/** Bytes, written in hexadecimal. */
export const byteaType: ColumnType = {
  ...escapedType<Uint8Array>({
    sql: 'bytea',
    refuse: value => (value instanceof Uint8Array ? undefined : 'bytes (a Uint8Array)'),
    text: value => `\\x${hex(value)}`,
    json: value => `"\\\\x${hex(value)}"`,
    canonical: hex,
  }),
  copy: (value: Uint8Array) => `\\\\x${hex(value)}`,
}
