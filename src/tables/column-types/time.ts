import { type ColumnType, plainType } from '../column-type.js'
import { daysOf, dayText, twoDigits } from './calendar.js'
import { instantOf, isPlainMoment, type Moment, readMoment } from './moment.js'

const DAY_MS = 86_400_000
const DAY_SECONDS = 86_400
// The first day that Postgres knows: Julian day 0. A Date ends before the last one of both types.
const FIRST_DAY = daysOf(-4713, 11, 24)
const AFTER_LAST_TIMESTAMP = daysOf(294_277, 1, 1) * DAY_SECONDS
const AFTER_LAST_DATE = daysOf(5_874_898, 1, 1)

const EXPECTED = 'a Date or a text like 2024-02-29T12:00:00Z'

const isForever = (value: string): boolean => value === 'infinity' || value === '-infinity'

function momentRule(range: string, isInRange: (moment: Moment) => boolean): ColumnType['refuse'] {
  return value => {
    if (typeof value === 'string') {
      if (isPlainMoment(value)) return undefined
      const moment = readMoment(value)
      if (moment === undefined) return isForever(value) ? undefined : EXPECTED
      return isInRange(moment) ? undefined : range
    }
    if (!(value instanceof Date)) return EXPECTED
    const ms = value.getTime()
    if (ms >= FIRST_DAY * DAY_MS) return undefined
    return Number.isNaN(ms) ? 'a valid date' : range
  }
}

/** A text without a zone is in UTC, whatever zone the session has. */
export const timestamptzType: ColumnType = plainType<Date | string>({
  sql: 'timestamp with time zone',
  refuse: momentRule('a moment from 4714-11-24 BC to 294276-12-31', moment => {
    const { seconds } = instantOf(moment)
    return seconds >= FIRST_DAY * DAY_SECONDS && seconds < AFTER_LAST_TIMESTAMP
  }),
  text: value => (typeof value === 'string' ? zonedText(value) : timestampText(value.getTime())),
  canonical(value) {
    if (typeof value === 'string') {
      const moment = readMoment(value)
      return moment === undefined ? value : canonicalInstant(instantOf(moment))
    }
    const seconds = Math.floor(value.getTime() / 1000)
    return canonicalInstant({ seconds, micros: (value.getTime() - seconds * 1000) * 1000 })
  },
})

function zonedText(value: string): string {
  if (value.endsWith('Z')) return value
  const moment = readMoment(value)
  return moment === undefined || moment.hasZone ? value : `${value} UTC`
}

function canonicalInstant({ seconds, micros }: { readonly seconds: number; readonly micros: number }): string {
  return `${seconds}.${micros}`
}

/** Of a Date its day in UTC; of a text the day as it stands there, whatever time and zone follow. */
export const dateType: ColumnType = plainType<Date | string>({
  sql: 'date',
  refuse: momentRule('a day from 4714-11-24 BC to 5874897-12-31', ({ year, month, day }) => {
    const days = daysOf(year, month, day)
    return days >= FIRST_DAY && days < AFTER_LAST_DATE
  }),
  text(value) {
    if (typeof value === 'string') return value
    const { text, isBC } = dayText(Math.floor(value.getTime() / DAY_MS))
    return isBC ? `${text} BC` : text
  },
  canonical(value) {
    if (typeof value !== 'string') return `${Math.floor(value.getTime() / DAY_MS)}`
    const moment = readMoment(value)
    return moment === undefined ? value : `${daysOf(moment.year, moment.month, moment.day)}`
  },
})

// Neighbouring rows mostly lie in one day; with the day at hand the rest is lookups: 5 times toISOString, which knows no BC either.
let lastDay = Number.NaN
let lastDayText = ''
let lastDayIsBC = false

function timestampText(ms: number): string {
  const day = Math.floor(ms / DAY_MS)
  if (day !== lastDay) {
    const { text, isBC } = dayText(day)
    lastDay = day
    lastDayText = text
    lastDayIsBC = isBC
  }
  const inDay = ms - day * DAY_MS
  const seconds = Math.floor(inDay / 1000)
  const millis = inDay - seconds * 1000
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  const time = `${lastDayText}T${twoDigits[hours]}:${twoDigits[minutes - hours * 60]}:${twoDigits[seconds - minutes * 60]}`
  const fraction = millis === 0 ? '' : `.${millis < 100 ? '0' : ''}${millis < 10 ? '0' : ''}${millis}`
  return lastDayIsBC ? `${time}${fraction}Z BC` : `${time}${fraction}Z`
}
