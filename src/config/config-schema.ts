import type { PipelineKind } from './kind.js'
import { isPlainObject } from './plain-object.js'

/** A JSON Schema as the config's is written: draft-07, which editors know. */
export interface JsonSchema {
  readonly [keyword: string]: unknown
  readonly properties?: Readonly<Record<string, JsonSchema>>
}

const monitoring: JsonSchema = {
  type: 'object',
  description: 'Health (`/healthz`, `/readyz`) and metrics (`/metrics`) over HTTP, while pipelines run. Default: no server.',
  additionalProperties: false,
  properties: {
    host: { type: 'string', minLength: 1, default: '127.0.0.1', description: 'The address to listen at; `0.0.0.0` is all.' },
    port: { type: 'integer', minimum: 0, maximum: 65535, default: 9464, description: 'The port; 0 takes any that is free.' },
  },
}

const log: JsonSchema = {
  type: 'object',
  description: 'What is logged, and how. The log goes to stderr.',
  additionalProperties: false,
  properties: {
    level: {
      type: 'string',
      enum: ['debug', 'info', 'warn', 'error', 'silent'],
      default: 'info',
      description: 'The least that is said.',
    },
    format: {
      type: 'string',
      enum: ['auto', 'json', 'lines'],
      default: 'auto',
      description: '`lines` for people, `json` for machines; `auto` is lines on a terminal.',
    },
  },
}

const restart: JsonSchema = {
  type: 'object',
  description: 'How a pipeline that failed is started again.',
  additionalProperties: false,
  properties: {
    initialMs: {
      type: 'integer',
      minimum: 1,
      default: 1_000,
      description: 'The first wait, in ms; each that follows is twice as long. A random half is taken off.',
    },
    maxMs: { type: 'integer', minimum: 1, default: 60_000, description: 'The longest wait, in ms.' },
    maxAtOrigin: {
      type: 'integer',
      minimum: 1,
      default: 3,
      description: 'So many failures at one origin, or in opening before the pipeline has ever run, end it.',
    },
    maxInARow: {
      type: ['integer', 'null'],
      minimum: 1,
      default: null,
      description: 'So many failures in a row end it, wherever they were; null: any number.',
    },
    healthyMs: {
      type: 'integer',
      minimum: 0,
      default: 60_000,
      description: 'A run that has lasted this long, in ms, was healthy: failures before it do not count any more.',
    },
  },
}

const ofModule: JsonSchema = {
  type: 'object',
  description:
    'A pipeline of a module. Its default export is a pipeline that bears the name it stands under, or a function `(options, { name, directory })` that gives one.',
  required: ['use'],
  additionalProperties: false,
  properties: {
    use: { type: 'string', minLength: 1, description: 'A path relative to the config (`./pipelines/orders.ts`), or an installed package.' },
    options: { type: 'object', description: "What the module's function gets; checked by nobody but it." },
  },
}

/**
 * The JSON Schema (draft-07) of a config with these kinds of pipelines: what `check` asks, and what editors complete by. Published as
 * `millrace/config.schema.json`.
 */
export function configSchema(kinds: readonly PipelineKind[]): JsonSchema {
  const names = kinds.map(({ name }) => name)
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Config of Millrace',
    type: 'object',
    required: ['pipelines'],
    additionalProperties: false,
    properties: {
      $schema: { type: 'string', description: 'Where editors find this schema; not looked at.' },
      pipelines: {
        type: 'object',
        description: 'The pipelines by name. The name is part of what ledger and quarantine keep: rename with care.',
        additionalProperties: { $ref: '#/definitions/pipeline' },
      },
      monitoring,
      log,
      restart,
      concurrently: {
        type: 'integer',
        minimum: 1,
        description: 'How many pipelines run at a time; the others wait for their turn, in the order of the file. Default: all.',
      },
      hints: {
        type: 'array',
        items: { type: 'string' },
        default: [],
        description: 'Lines that are said after a run: where the rows are, and how to look at them.',
      },
    },
    definitions: {
      pipeline: {
        type: 'object',
        required: ['use'],
        properties: {
          use: {
            type: 'string',
            minLength: 1,
            description: `${kinds.map(({ name, summary }) => `\`${name}\`: ${summary}`).join(' ')} Or a module: a path relative to the config, or an installed package.`,
            examples: [...names, './pipelines/custom.ts'],
          },
        },
        // Not anyOf, of which a checker reports all branches: which one is meant is known from `use`.
        allOf: [
          ...names.map(name => where({ const: name }, `#/definitions/${name}`)),
          where(names.length === 0 ? {} : { not: { enum: names } }, '#/definitions/module'),
        ],
      },
      module: ofModule,
      ...Object.fromEntries(kinds.map(kind => [kind.name, schemaOfKind(kind)])),
    },
  }
}

// biome-ignore lint/suspicious/noThenProperty: JSON Schema calls it so
const where = (use: object, $ref: string) => ({ if: { properties: { use }, required: ['use'] }, then: { $ref } })

const schemas = new WeakMap<readonly PipelineKind[], JsonSchema>()

/** As {@link configSchema}, made once for each list of kinds. */
export function schemaOf(kinds: readonly PipelineKind[]): JsonSchema {
  const schema = schemas.get(kinds) ?? configSchema(kinds)
  schemas.set(kinds, schema)
  return schema
}

/** The options of a kind with `use` among them. */
function schemaOfKind({ name, summary, schema }: PipelineKind): JsonSchema {
  const { properties, required, ...rest } = schema as JsonSchema
  return {
    ...rest,
    description: summary,
    required: ['use', ...((required as string[] | undefined) ?? [])],
    properties: { use: { const: name, description: summary }, ...properties },
    additionalProperties: false,
  }
}

/** A value with the defaults of its schema put in, objects within it too; those that are left out as a whole stay so. */
export function withDefaults(schema: JsonSchema, value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const result: Record<string, unknown> = Object.fromEntries(Object.entries(value))
  for (const [key, of] of Object.entries(schema.properties ?? {})) {
    if (!Object.hasOwn(result, key) && 'default' in of) result[key] = structuredClone(of['default'])
    const inner = Object.hasOwn(result, key) ? result[key] : undefined
    if (isPlainObject(inner) && of.properties) result[key] = withDefaults(of, inner)
  }
  return result
}
