import type { JsonSchema } from '../config/config-schema.js'
import { databaseSchema } from './database-option.js'
import { tableSchema } from './table-option.js'

/** A whole number from 1 up. */
export const count = (description: string, more: object = {}): JsonSchema => ({ type: 'integer', minimum: 1, description, ...more })

const writeSchema: JsonSchema = {
  type: 'object',
  description: 'How rows are written. The ledger is always kept: each record is in the table exactly once.',
  default: {},
  additionalProperties: false,
  properties: {
    mode: {
      type: 'string',
      enum: ['append', 'upsert', 'update'],
      default: 'append',
      description:
        '`append` adds rows; `upsert` adds them, or changes those of the same key; `update` changes and adds none. The last two need columns with `key`.',
    },
    onDuplicate: {
      type: 'string',
      enum: ['ignore', 'quarantine'],
      description: 'What becomes of a row whose key is there already, where `mode` is `append`. Default: it fails its record.',
    },
    merge: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      description: 'The columns that `upsert` and `update` set. Default: all that are not in the key.',
    },
    maxConcurrentWrites: count('Transactions under way at a time. Default 2 on a server; 1 embedded, and where rows are overwritten.'),
    batch: {
      type: 'object',
      description: 'When a batch is written: at the first bound that is reached.',
      additionalProperties: false,
      properties: {
        maxRecords: count('Records of one batch at most. Default 5000.'),
        maxBytes: count('Bytes of one batch at most, as read. Default 2 MiB.'),
        maxWaitMs: { type: 'integer', minimum: 0, description: 'How long a batch waits to be filled, in ms. Default 100.' },
      },
    },
    lockTimeoutMs: count('How long a write waits for a lock before it goes again, in ms. Default 5000.'),
    keepSeenMs: count('How long the ledger remembers the ids of a source that commits each record by itself, in ms. Default 7 days.'),
  },
}

const limitsSchema: JsonSchema = {
  type: 'object',
  description: 'The bounds of a run. All have defaults.',
  additionalProperties: false,
  properties: {
    maxInFlight: count('Unsettled records at most. Default: what the writes under way and one more batch hold.'),
    maxInFlightBytes: count('Unsettled bytes at most, as read. Default likewise, at least 4 MiB; a larger single record goes alone.'),
    maxRecordBytes: count('A larger record goes to quarantine. Bytes, default 8 MiB.'),
    maxHeldRecords: count('Records that sinks hold on their own disk. Default 10000000.'),
    stallMs: count('After this long without any progress a full window is an error. ms, default 30000.'),
    startTimeoutMs: {
      type: 'integer',
      minimum: 0,
      description: 'How long servers may be away when the run begins, in ms. Default 30000.',
    },
    stopTimeoutMs: {
      type: 'integer',
      minimum: 0,
      description: 'How long what is unsettled is waited for when the run is stopped, in ms. Default 25000.',
    },
    stopAt: {
      type: ['object', 'null'],
      description: 'The failure budget: so many failures within so many ms end the run. Default null: none.',
      required: ['failures', 'withinMs'],
      additionalProperties: false,
      properties: { failures: count('How many.'), withinMs: count('Within how many ms.') },
    },
  },
}

/** The options that the ready-made pipelines into a table have in common, as JSON Schemas by name. */
export const tableKindProperties: Readonly<Record<string, JsonSchema>> = {
  schema: {
    type: ['object', 'string'],
    minLength: 1,
    title: 'a JSON Schema, the path of one, or the path of a module that exports a schema',
    description:
      'What a record must be: a JSON Schema (2020-12, or draft-07), the path of one in JSON, or of a module whose default export is a schema (zod, valibot, arktype, JSON Schema). What does not fit goes to quarantine. Default: an object.',
  },
  toRow: {
    type: 'string',
    minLength: 1,
    description:
      'The path of a module whose default export makes the row: `(value, context) => row`. It may be asynchronous; `context.skip(reason)` lets a record go without a row. Default: the fields that are columns; of CSV the cells become what the columns take.',
  },
  concurrency: count('How many `toRow` are under way at a time, where it is asynchronous.', { default: 1 }),
  table: tableSchema,
  database: databaseSchema,
  write: writeSchema,
  limits: limitsSchema,
}
