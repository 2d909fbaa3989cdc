/** What the files of one room of src may import: rooms, and packages. Node's own modules are everybody's. */
export interface RoomRule {
  readonly rooms: readonly string[]
  readonly packages: readonly string[]
}

const below = ['core', 'formats', 'policies', 'drivers', 'tables', 'stores', 'sessions', 'cache', 'ingress', 'artifacts', 'gather'] as const

/** Who may import whom (docs/components.md says why). A room that is not here may not exist. */
export const rooms: Readonly<Record<string, RoomRule>> = {
  core: { rooms: [], packages: ['rxjs'] },
  formats: { rooms: ['core/errors.ts', 'core/options.ts'], packages: ['fast-csv', '@fast-csv/parse', 'tar-stream'] },
  policies: { rooms: ['core'], packages: [] },
  drivers: { rooms: ['core'], packages: [] },
  tables: { rooms: ['core', 'drivers'], packages: [] },
  stores: { rooms: ['core', 'drivers'], packages: [] },
  sessions: { rooms: ['core', 'policies', 'drivers'], packages: [] },
  cache: { rooms: ['core', 'policies', 'drivers'], packages: [] },
  ingress: { rooms: ['core', 'formats', 'drivers'], packages: ['undici'] },
  artifacts: { rooms: ['core', 'formats', 'drivers', 'tables', 'ingress'], packages: [] },
  gather: { rooms: ['core', 'formats', 'drivers', 'tables', 'ingress'], packages: [] },
  sources: { rooms: below, packages: ['tinyglobby', 'fastify', 'undici'] },
  operators: { rooms: below, packages: ['rxjs', 'ajv', 'ajv-formats', '@standard-schema/spec', 'json-schema-to-ts'] },
  sinks: { rooms: below, packages: ['undici'] },
  runtime: { rooms: ['core'], packages: ['rxjs'] },
  replay: { rooms: ['core', 'runtime', 'sources'], packages: ['rxjs'] },
  backfill: { rooms: ['core', 'runtime', 'drivers'], packages: [] },
  monitoring: { rooms: ['core', 'runtime', 'drivers'], packages: ['prom-client', '@opentelemetry/api'] },
  // `millrace`: configs in code get the running package itself, whatever is installed beside them.
  config: { rooms: ['core', 'runtime', 'drivers'], packages: ['jiti', 'smol-toml', 'yaml', 'ajv', 'millrace'] },
  testing: { rooms: ['core', 'runtime', 'sources', 'sinks', 'stores', 'ingress'], packages: ['rxjs'] },
  pipelines: {
    rooms: [...below, 'sources', 'operators', 'sinks', 'runtime', 'replay', 'backfill', 'monitoring', 'config'],
    packages: ['rxjs'],
  },
  cli: {
    rooms: [...below, 'sources', 'operators', 'sinks', 'runtime', 'replay', 'backfill', 'monitoring', 'config', 'pipelines'],
    packages: ['commander', 'pino', 'yaml'],
  },
}

/** Packages that one driver alone may touch, each with the folder of that driver. */
export const packagesOfDrivers: Readonly<Record<string, string>> = {
  pg: 'src/drivers/postgres/',
  knex: 'src/drivers/postgres/',
  '@electric-sql/pglite': 'src/drivers/postgres/',
  kafkajs: 'src/drivers/kafka/',
  snappy: 'src/drivers/kafka/',
  'lz4-napi': 'src/drivers/kafka/',
  '@mongodb-js/zstd': 'src/drivers/kafka/',
  redis: 'src/drivers/redis/',
}

/** The barrels: what `millrace`, `millrace/testing` and `millrace/monitoring` give out. */
export const barrels = ['src/index.ts', 'src/testing/index.ts', 'src/monitoring/index.ts'] as const
