/** Where a run says what it does. pino and console fit; a message is a short fixed sentence, its values are in `fields`. */
export interface Logger {
  debug(message: string, fields?: object): void
  info(message: string, fields?: object): void
  /** Nothing is lost, but somebody may want to know. */
  warn(message: string, fields?: object): void
  /** Somebody must act. */
  error(message: string, fields?: object): void
}

/** Says nothing: the default of a run. */
export const silentLog: Logger = { debug() {}, info() {}, warn() {}, error() {} }
