import { type ColumnType, plainType } from '../column-type.js'

/** true and false; nothing stands in for them. */
export const booleanType: ColumnType = plainType<boolean>({
  sql: 'boolean',
  refuse: value => (typeof value === 'boolean' ? undefined : 'true or false'),
  text: value => (value ? 't' : 'f'),
  json: value => (value ? 'true' : 'false'),
})
