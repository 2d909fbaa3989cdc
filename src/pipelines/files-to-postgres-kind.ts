import { resolve } from 'node:path'
import type { PipelineKind } from '../config/kind.js'
import type { FilesSourceOptions } from '../sources/files.js'
import type { TableKindOptions } from './table-kind.js'
import { tableKindProperties } from './table-kind-schema.js'

/** What `use: 'files-to-postgres'` takes in a config. */
export interface FilesToPostgresConfig extends TableKindOptions, Pick<FilesSourceOptions, 'paths' | 'format' | 'root' | 'followLinks'> {}

declare module '../config/config.js' {
  interface KindOptions {
    readonly 'files-to-postgres': FilesToPostgresConfig
  }
}

/** {@link filesToPostgres} for configs. */
export const filesToPostgresKind: PipelineKind = {
  name: 'files-to-postgres',
  summary: 'Files into a table: each record exactly once, what fails into quarantine. Run it again, and it goes on where it stopped.',
  schema: {
    type: 'object',
    required: ['paths', 'format', 'table', 'database'],
    additionalProperties: false,
    properties: {
      paths: {
        type: ['string', 'array'],
        minLength: 1,
        minItems: 1,
        items: { type: 'string', minLength: 1 },
        title: 'a glob, or a list of them',
        description:
          'Globs, relative to `root`: `in/*.ndjson`, `archive/**`. Files are read in the order of their names, each once; gzip is undone.',
      },
      format: {
        type: 'string',
        enum: ['ndjson', 'json', 'csv'],
        description:
          'How a file is cut into records: a line each (`ndjson`), an element of one array each (`json`), or a row each (`csv`).',
      },
      root: {
        type: 'string',
        minLength: 1,
        default: '.',
        description: 'Where `paths` begin, relative to the config; the ledger knows files relative to it.',
      },
      followLinks: { type: 'boolean', default: false, description: 'Whether symbolic links are followed.' },
      ...tableKindProperties,
    },
  },
  async make(name, given, context) {
    const options = given as unknown as FilesToPostgresConfig
    const { paths, format, root = '.', followLinks = false } = options
    // Not before a pipeline is made: to complete or check a config nothing of it is needed.
    const [{ makeTablePipeline }, { filesSource }] = await Promise.all([import('./table-kind.js'), import('../sources/files.js')])
    const source = () => filesSource({ paths, format, root: resolve(context.directory, root), followLinks })
    return makeTablePipeline(name, options, {
      source,
      sourcePath: '',
      sourceOptions: ['paths', 'format', 'root', 'followLinks'],
      format: format === 'csv' ? 'csv' : 'json',
      context,
    })
  },
}
