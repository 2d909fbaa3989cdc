import type { Schema } from '../operators/validate.js'
import type { Pipeline } from '../runtime/pipeline.js'
import { type FilesSourceOptions, filesSource } from '../sources/files.js'
import { type RowsOfTableOptions, rowsOfTable } from './rows-of-table.js'

/** Options of {@link filesToPostgres}. */
export interface FilesToPostgresOptions<S extends Schema, C, Key extends keyof C>
  extends RowsOfTableOptions<S, C, Key>,
    Pick<FilesSourceOptions, 'paths' | 'root' | 'format' | 'followLinks'> {}

/**
 * The main job, ready-made: files → decoded → validated → handled → rows of a table, each exactly once, and what fails into quarantine.
 *
 * Run it again and it goes on where it stopped, after a kill too; files that have grown are read on.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID` and the like for wrong options; nothing is opened before the pipeline is started.
 */
export function filesToPostgres<const S extends Schema, C, Key extends keyof C = never>(
  options: FilesToPostgresOptions<S, C, Key>,
): Pipeline {
  const { paths, root, format, followLinks } = options
  const source = filesSource({ paths, format, ...(root !== undefined && { root }), ...(followLinks !== undefined && { followLinks }) })
  return rowsOfTable(source, format === 'csv' ? 'csv' : 'json', options)
}
