/** What every entry of the table says: is it infrastructure (wait and go again), and the message: what, where, value. */
interface ErrorEntry<Details> {
  readonly retryable: boolean
  readonly message: (details: Details) => string
}

const entry = <Details>(message: (details: Details) => string, options: { readonly retryable?: boolean } = {}): ErrorEntry<Details> => ({
  message,
  retryable: options.retryable ?? false,
})

const place = (source: string, partition: string): string => `source ${source}, partition ${partition}`

/**
 * Every error that Millrace itself raises. The fix for each stands in docs/errors.md under the same code; a test holds the two together.
 * A code is never reused for another meaning.
 */
export const errorTable = {
  // definition and options
  MILL_OPTION_INVALID: entry<{ where: string; option: string; expected: string; given: string }>(
    d => `${d.where}: expected ${d.option} to be ${d.expected}, got ${d.given}`,
  ),
  MILL_OPTION_UNKNOWN: entry<{ where: string; option: string; suggestion?: string | undefined; known: readonly string[] }>(
    d =>
      `${d.where}: there is no option ${d.option}${d.suggestion ? `; did you mean ${d.suggestion}?` : ` (there are: ${d.known.join(', ')})`}`,
  ),
  MILL_BATCH_EXCEEDS_WINDOW: entry<{ pipeline: string; maxRecords: number; maxInFlight: number }>(
    d =>
      `pipeline ${d.pipeline}: the sink's batch.maxRecords is ${d.maxRecords}, limits.maxInFlight is ${d.maxInFlight}: a batch that large would never fill`,
  ),
  MILL_SCHEMA_INVALID: entry<{ reason: string }>(d => `validate: the schema cannot be used: ${d.reason}`),
  MILL_LEDGER_UNSUPPORTED: entry<{ sink: string; missing: string }>(
    d => `sink ${d.sink} says that it keeps a ledger, but its session has no ${d.missing}`,
  ),
  MILL_PACKAGE_MISSING: entry<{ package: string; for: string }>(d => `${d.for} needs the package ${d.package}, which is not installed`),

  // monitoring
  MILL_PORT_UNAVAILABLE: entry<{ for: string; host: string; port: number; reason: string }>(
    d => `${d.for} cannot listen on ${d.host}, port ${d.port}: ${d.reason}`,
  ),

  // config
  MILL_CONFIG_MISSING: entry<{ file: string; where: string }>(d => `there is no config ${d.file} ${d.where}`),
  MILL_CONFIG_AMBIGUOUS: entry<{ directory: string; files: readonly string[] }>(
    d => `${d.directory} has ${d.files.length} configs: ${d.files.join(', ')}`,
  ),
  MILL_CONFIG_UNREADABLE: entry<{ file: string; reason: string }>(d => `the config ${d.file} cannot be read: ${d.reason}`),
  MILL_CONFIG_INVALID: entry<{ file: string; problems: readonly string[] }>(
    d =>
      `${d.file} has ${d.problems.length === 1 ? 'a problem' : `${d.problems.length} problems`}:${d.problems.map(problem => `\n  ${problem}`).join('')}`,
  ),

  // kafka
  MILL_KAFKA_AWAY: entry<{ cluster: string; doing: string; reason: string }>(
    d => `${d.doing}: the Kafka cluster ${d.cluster} cannot be reached: ${d.reason}`,
    { retryable: true },
  ),
  MILL_KAFKA_REFUSED: entry<{ cluster: string; doing: string; reason: string }>(
    d => `${d.doing}: the Kafka cluster ${d.cluster} refused: ${d.reason}`,
  ),
  MILL_TOPIC_UNKNOWN: entry<{ cluster: string; topic: string; existing: string }>(
    d => `there is no topic ${d.topic} on the Kafka cluster ${d.cluster} (there are: ${d.existing})`,
  ),
  MILL_CODEC_UNAVAILABLE: entry<{ codec: string; reason: string }>(d => `a batch compressed by ${d.codec} cannot be read: ${d.reason}`),
  MILL_BATCH_UNREADABLE: entry<{ topic: string; partition: number; offset: number; last: number; reason: string }>(
    d => `topic ${d.topic}, partition ${d.partition}: the batch at offsets ${d.offset} to ${d.last} cannot be read: ${d.reason}`,
  ),
  MILL_MESSAGE_TOO_LARGE: entry<{ topic: string; bytes: number; index: number }>(
    d => `topic ${d.topic} takes no message of ${d.bytes} bytes; its limit is max.message.bytes`,
  ),
  MILL_MESSAGE_INVALID: entry<{ member: string; expected: string; given: string }>(
    d => `no message can be made: expected its ${d.member} to be ${d.expected}, got ${d.given}`,
  ),
  MILL_OFFSETS_REMOVED: entry<{ topic: string; partition: number; from: number; to: number }>(
    d => `topic ${d.topic}, partition ${d.partition}: retention removed offsets ${d.from}…${d.to} before they were read`,
  ),
  MILL_OFFSET_OUT_OF_RANGE: entry<{ topic: string; partition: number; offset: number; end: number; whose: string }>(
    d => `topic ${d.topic}, partition ${d.partition}: ${d.whose} stands at offset ${d.offset}, but the partition ends at ${d.end}`,
  ),
  MILL_LEDGER_SHARED: entry<{ source: string; partition: string; groups: string }>(
    d =>
      `source ${d.source}, partition ${d.partition}: two consumer groups share one ledger (${d.groups}); give the pipelines different names`,
  ),

  // the run
  MILL_START_TIMEOUT: entry<{ part: string; ms: number }>(d => `${d.part} could not be opened within ${d.ms} ms`),
  MILL_STOP_TIMEOUT: entry<{ pipeline: string; ms: number; inFlight: number }>(
    d => `pipeline ${d.pipeline} could not settle ${d.inFlight} records within ${d.ms} ms; nothing more was committed, they come again`,
  ),
  MILL_RUN_ABORTED: entry<{ pipeline: string }>(d => `pipeline ${d.pipeline} was aborted; what was not committed comes again`),
  MILL_STEPS_FAILED: entry<{ pipeline: string; origin: string }>(
    d => `pipeline ${d.pipeline}: the steps threw while the record ${d.origin} was being pushed`,
  ),
  MILL_STEPS_ENDED: entry<{ pipeline: string }>(d => `pipeline ${d.pipeline}: the steps completed although the source goes on`),
  MILL_SOURCE_FAILED: entry<{ source: string; doing: string }>(d => `source ${d.source} failed in ${d.doing}`),
  MILL_SINK_FAILED: entry<{ sink: string; doing: string }>(d => `sink ${d.sink} failed in ${d.doing}`),
  MILL_QUARANTINE_FAILED: entry<{ quarantine: string; failures: number; first: string }>(
    d => `quarantine ${d.quarantine} did not take ${d.failures} failed records (the first: ${d.first}); the run stops so that none is lost`,
  ),
  MILL_QUARANTINE_PREFIX: entry<{ quarantine: string; id: string; kept: number; bytes: number }>(
    d => `entry ${d.id} of ${d.quarantine} keeps only the first ${d.kept} of ${d.bytes} bytes, so it cannot be replayed`,
  ),
  MILL_ENTRY_INVALID: entry<{ from: string; line: number; reason: string }>(
    d => `line ${d.line} of ${d.from} is no entry of a quarantine: ${d.reason}`,
  ),
  MILL_RESTORE_UNSUPPORTED: entry<{ quarantine: string }>(d => `${d.quarantine} takes no entries in: it has no restore`),
  MILL_RECORD_FAILED: entry<{ origin: string; stage: string; reason: string }>(
    d => `record ${d.origin} failed in ${d.stage}: ${d.reason} (onFailure is 'halt')`,
  ),
  MILL_FAILURE_BUDGET_SPENT: entry<{ failures: number; withinMs: number; last: string }>(
    d => `${d.failures} records failed within ${d.withinMs} ms; the last: ${d.last}`,
  ),
  MILL_RECORD_EMITTED_TWICE: entry<{ origin: string }>(d => `record ${d.origin} came out of the steps a second time`),
  MILL_RECORD_NOT_AN_ENVELOPE: entry<{ given: string }>(d => `the steps gave ${d.given} instead of a record`),
  MILL_RECORDS_FORGOTTEN: entry<{ records: number; origin: string; ms: number }>(
    d =>
      `the steps neither delivered, skipped nor failed ${d.records} records${d.ms > 0 ? ` for ${d.ms} ms` : ''}; the oldest: ${d.origin}`,
  ),
  MILL_EXPAND_NEEDS_OVERWRITE: entry<{ origin: string; sink: string }>(
    d => `record ${d.origin} is expanded over time, but sink ${d.sink} keeps a ledger and does not overwrite`,
  ),
  MILL_PART_MISSING: entry<{ origin: string; wanted: string; parts: number }>(
    d => `record ${d.origin}: the wanted part ${d.wanted} is not among the ${d.parts} that the split gave`,
  ),
  MILL_ROUTE_UNKNOWN: entry<{ value: string; names: readonly string[] }>(
    d => `no row for each of the sinks ${d.names.join(', ')} in ${d.value}`,
  ),
  MILL_JOIN_EMPTY: entry<Record<never, never>>(() => 'join needs at least one record'),
  MILL_POSITION_INVALID: entry<{ source: string; partition: string; position: string; expected: string }>(
    d => `${place(d.source, d.partition)}: position ${d.position} is not ${d.expected}`,
  ),
  MILL_PARTITION_FENCED: entry<{ source: string; partition: string }>(
    d => `${place(d.source, d.partition)}: another owner has taken it over`,
  ),
  MILL_LEDGER_AHEAD: entry<{ source: string; partition: string; covered: string; found: string }>(
    d => `${place(d.source, d.partition)}: the ledger covers ${d.covered}, but ${d.found}; nothing was read`,
  ),
  MILL_RECORD_TOO_LARGE: entry<{ bytes: string; maxRecordBytes: number }>(
    d => `the record has ${d.bytes} bytes, maxRecordBytes is ${d.maxRecordBytes}`,
  ),

  // operators and policies
  MILL_VALUE_UNDECODABLE: entry<{ format: string; reason: string }>(d => `not ${d.format}: ${d.reason}`),
  MILL_NUMBER_UNSAFE: entry<{ path: string; number: string }>(
    d => `the number ${d.number} at ${d.path === '' ? 'the top' : d.path} cannot be held exactly by a double`,
  ),
  MILL_VALUE_INVALID: entry<{ problems: readonly { readonly path: string; readonly message: string }[] }>(d =>
    d.problems.map(({ path, message }) => `${path === '' ? 'value' : path} ${message}`).join('; '),
  ),
  MILL_RESULT_MISSING: entry<{ stage: string; given: string; expected?: string | undefined }>(
    d => `${d.stage} must return ${d.expected ?? 'a value or context.skip(reason)'}, got ${d.given}`,
  ),
  MILL_ATTEMPTS_SPENT: entry<{ what: string; attempts: number; last: string }>(
    d => `${d.what} failed ${d.attempts} times for want of something that is away; the last: ${d.last}`,
  ),
  MILL_TIMED_OUT: entry<{ what: string; ms: number }>(d => `${d.what} took longer than ${d.ms} ms`),

  // formats and files
  MILL_CSV_INVALID: entry<{ reason: string; value: string }>(d => `not a CSV row: ${d.reason}: ${d.value}`),
  MILL_JSON_ARRAY_INVALID: entry<{ path: string; reason: string; offset: number }>(
    d => `${d.path} is not a JSON array: ${d.reason} at byte ${d.offset}`,
  ),
  MILL_FILE_NOT_FOUND: entry<{ paths: string; root: string }>(d => `no file matches ${d.paths} under ${d.root}`),
  MILL_FILE_UNREADABLE: entry<{ path: string; reason: string }>(d => `${d.path} cannot be read: ${d.reason}`),
  MILL_FILE_CHANGED: entry<{ path: string; reason: string }>(d => `${d.path} changed while it was being read: ${d.reason}`),
  MILL_FILE_CORRUPT: entry<{ path: string; offset: number; reason: string }>(
    d => `${d.path} is damaged after byte ${d.offset}: ${d.reason}`,
  ),
  MILL_FILE_REPLACED: entry<{ path: string; next: number; reason: string }>(
    d => `${d.path} was read up to byte ${d.next} before, but ${d.reason}; nothing of it was read`,
  ),
  MILL_STORE_FAILED: entry<{ store: string; doing: string; reason: string }>(d => `${d.store} failed in ${d.doing}: ${d.reason}`),

  // Postgres
  MILL_DATABASE_AWAY: entry<{ database: string; reason: string }>(d => `database ${d.database} is away: ${d.reason}`, { retryable: true }),
  MILL_DATABASE_REFUSED: entry<{
    database: string
    sqlstate: string
    reason: string
    constraint?: string | undefined
    column?: string | undefined
  }>(
    d =>
      `database ${d.database} refused: ${d.reason} (SQLSTATE ${d.sqlstate}${d.constraint ? `, constraint ${d.constraint}` : ''}${d.column ? `, column ${d.column}` : ''})`,
  ),
  MILL_TABLE_MISSING: entry<{ table: string; database: string }>(d => `table ${d.table} is not in database ${d.database}`),
  MILL_TABLE_MISMATCH: entry<{ table: string; problems: readonly string[] }>(
    d => `table ${d.table} differs from its definition: ${d.problems.join('; ')}`,
  ),
  MILL_COLUMN_VALUE: entry<{ table: string; column: string; expected: string; given: string }>(
    d => `column ${d.column} of table ${d.table} takes ${d.expected}, got ${d.given}`,
  ),
  MILL_COLUMN_UNKNOWN: entry<{ table: string; column: string; suggestion?: string | undefined }>(
    d => `column is not in table ${d.table}: ${d.column}${d.suggestion ? ` (did you mean ${d.suggestion}?)` : ''}`,
  ),
} as const

/** The code of a Millrace error: stable, documented in docs/errors.md. */
export type ErrorCode = keyof typeof errorTable
/** What the message of an error is made of. */
export type ErrorDetails<C extends ErrorCode> = Parameters<(typeof errorTable)[C]['message']>[0]

/**
 * The one error class of Millrace.
 *
 * `code` names what happened and never changes its meaning, `details` holds the values in the message, `cause` what was caught.
 * Retry logic asks `retryable`, never the text: true means infrastructure, so waiting may help.
 */
export class MillraceError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'MillraceError'
  readonly code: C
  readonly details: ErrorDetails<C>
  readonly retryable: boolean

  constructor(code: C, details: ErrorDetails<C>, options: { readonly cause?: unknown; readonly retryable?: boolean } = {}) {
    const { message, retryable } = errorTable[code] as unknown as ErrorEntry<ErrorDetails<C>>
    super(message(details), options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = details
    this.retryable = options.retryable ?? retryable
  }
}

/** Whether `error` is a Millrace error, of this code where one is given. */
export function isMillraceError<C extends ErrorCode = ErrorCode>(error: unknown, code?: C): error is MillraceError<C> {
  return error instanceof MillraceError && (code === undefined || error.code === code)
}
