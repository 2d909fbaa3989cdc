import { pino } from 'pino'
import type { Logger } from '../core/log.js'

/** How the log is written. */
export interface LogOptions {
  /** The least that is said. */
  readonly level: LogLevel
  /** `lines` for people, `json` for programs. */
  readonly format: 'lines' | 'json'
  /** Whether lines may be coloured. */
  readonly isColoured: boolean
  /** Hides the secrets of a text. */
  hide(text: string): string
  /** Hides the secrets in the fields of an entry, by key too. */
  hideIn(fields: object): object
  /** Where each entry goes, with its line end. */
  write(line: string): void
}

/** As in pino, without trace. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** A log by pino. Secrets are hidden in messages and fields before they are written, and in what was written once more. */
export function makeLog({ level, format, isColoured, hide, hideIn, write }: LogOptions): Logger {
  const written = format === 'json' ? hide : (line: string) => hide(lineOf(JSON.parse(line) as Entry, isColoured))
  const log = pino(
    {
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
    },
    { write: line => write(written(line)) },
  )
  const say =
    (at: Exclude<LogLevel, 'silent'>) =>
    (message: string, fields: object = {}): void => {
      if (log.isLevelEnabled(at)) log[at](plain(hideIn(fields)), hide(message))
    }
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
}

/** What JSON does not know, as texts: a bigint would make pino throw away the entry, an error would lose its message. */
function plain(fields: object): object {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'bigint' ? `${value}` : value instanceof Error ? value.message : value,
    ]),
  )
}

interface Entry {
  readonly level: string
  readonly time: string
  readonly pid: number
  readonly hostname: string
  readonly msg: string
  readonly pipeline?: unknown
  readonly [field: string]: unknown
}

/** `12:01:02.345 warn  signups: waiting  error=the database is away` */
function lineOf({ level, time, pid: _, hostname: __, msg, pipeline, ...fields }: Entry, isColoured: boolean): string {
  const paint = (code: number, text: string) => (isColoured ? `\u001b[${code}m${text}\u001b[39m` : text)
  const shown = Object.entries(fields).map(([name, value]) => `  ${paint(90, `${name}=`)}${shownOf(value)}`)
  const who = typeof pipeline === 'string' ? `${pipeline}: ` : ''
  return `${paint(90, time.slice(11, 23))} ${paint(colours[level] ?? 39, level.padEnd(5))} ${who}${msg}${shown.join('')}\n`
}

const colours: Readonly<Record<string, number>> = { debug: 90, info: 32, warn: 33, error: 31 }

/** A text as it is where it is one word or a sentence on one line, anything else as JSON. */
function shownOf(value: unknown): string {
  return typeof value === 'string' && !/[\n\r"=]/.test(value) && value !== '' ? value : JSON.stringify(value)
}
