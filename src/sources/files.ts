import { resolve } from 'node:path'
import { option, resolveOptions } from '../core/options.js'
import type { Positions } from '../core/positions.js'
import type { Prefix, SourceOf } from '../core/source.js'
import type { FileFormat } from './file-records.js'
import { FilesSession } from './files-session.js'
import { describeFiles, inspectFiles } from './inspect-files.js'

/** Options of {@link filesSource}. */
export interface FilesSourceOptions {
  /** Globs, relative to `root`: `'in/*.ndjson'`, `['a.csv.gz', 'archive/**']`. Files are read in the order of their names, each once. */
  readonly paths: string | readonly string[]
  /** How a file is cut into records: a line each, an element of one JSON array each, or a CSV row each. gzip is undone before, whatever the name. */
  readonly format: FileFormat
  /** Where `paths` begin, and what partitions are named relative to. Default: the working directory. */
  readonly root?: string
  /** The name in origins and ledger. Default `'files'`. */
  readonly name?: string
  /** Where positions are kept when the sink keeps no ledger. Default: nowhere, each run begins at the beginning. */
  readonly positions?: Positions
  /** Whether symbolic links are followed. Default false. */
  readonly followLinks?: boolean
}

const isPatterns = (value: unknown) => {
  const patterns = Array.isArray(value) ? value : [value]
  return patterns.length > 0 && patterns.every(pattern => typeof pattern === 'string' && pattern !== '')
}

/**
 * Reads files that are there when the run starts: ndjson, one JSON array, or CSV; each also as gzip. It does not wait for more.
 *
 * A record is the bytes of a line, of an element, or of header row, LF and row; nothing is parsed. Its partition is the file's path relative to
 * `root`, its position the byte at which it starts in the (decompressed) content; so a later run goes on where an earlier one stopped, by the
 * sink's ledger or else by `positions`. A file that was appended to is read on.
 *
 * A record larger than `maxRecordBytes` fails with `MILL_RECORD_TOO_LARGE`, a CSV row whose quote is not closed with `MILL_CSV_INVALID`; the ones
 * around it come. What is wrong with a whole file does not keep the other files from being read: then, when all is settled, the run fails with
 * the first such error (the others are logged): `MILL_FILE_UNREADABLE`, `MILL_FILE_CHANGED`, `MILL_FILE_CORRUPT`, `MILL_JSON_ARRAY_INVALID`.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID`, `MILL_OPTION_UNKNOWN` when called. At start `MILL_FILE_NOT_FOUND` where nothing matches. In the run
 * `MILL_LEDGER_AHEAD`, or without a ledger `MILL_FILE_REPLACED`, where a file is not the one that was read before.
 */
export function filesSource(options: FilesSourceOptions): SourceOf<Uint8Array, 'prefix', Prefix> {
  const { paths, format, root, name, positions, followLinks } = resolveOptions<FilesSourceOptions>('filesSource', options, {
    paths: option.matching('a glob, or a list of them', isPatterns),
    format: option.oneOf(['ndjson', 'json', 'csv']),
    root: option.text({ default: '.' }),
    name: option.text({ default: 'files' }),
    positions: option.object('a store of positions, such as filePositions(directory)', { optional: true }),
    followLinks: option.boolean({ default: false }),
  }) as FilesSourceOptions & Required<Pick<FilesSourceOptions, 'root' | 'name' | 'followLinks'>>
  const patterns = typeof paths === 'string' ? [paths] : [...paths]
  const find = { patterns, root: resolve(root), followLinks }
  return {
    name,
    commits: 'prefix',
    open: context => FilesSession.open({ ...find, format, positions }, context),
    describe: () => describeFiles({ ...find, root }, format, positions?.name),
    async *inspect(context) {
      yield* inspectFiles(find, context)
      if (positions?.inspect !== undefined && !context.ledger) yield* positions.inspect(context)
    },
  }
}
