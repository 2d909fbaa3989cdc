import { type ColumnType, plainType } from '../column-type.js'

// As string_to_uuid reads it (src/backend/utils/adt/uuid.c): hyphens after any four digits but the last, braces around.
const syntax =
  /^(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?:[0-9a-f]{4}-?){7}[0-9a-f]{4}|\{(?:[0-9a-f]{4}-?){7}[0-9a-f]{4}\})$/i

/** A uuid in any of the forms that Postgres reads. */
export const uuidType: ColumnType = plainType<string>({
  sql: 'uuid',
  refuse: value => (typeof value === 'string' && syntax.test(value) ? undefined : 'a uuid'),
  text: value => value,
  canonical: value => value.replaceAll(/[-{}]/g, '').toLowerCase(),
})
