import { type ColumnType, plainType } from '../column-type.js'

export const booleanType: ColumnType = plainType<boolean>({
  sql: 'boolean',
  refuse: value => (typeof value === 'boolean' ? undefined : 'true or false'),
  text: value => (value ? 't' : 'f'),
  json: value => (value ? 'true' : 'false'),
})
