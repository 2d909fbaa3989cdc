/**
 * The Gregorian calendar as Postgres and ISO 8601 know it, for years that a Date cannot hold too.
 *
 * Years are astronomical: 0 is 1 BC, -1 is 2 BC. After "chrono-compatible low-level date algorithms" by Howard Hinnant.
 */

const DAYS_PER_ERA = 146_097
const DAYS_TO_1970 = 719_468

/** Days since 1970-01-01. */
export function daysOf(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * DAYS_PER_ERA + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - DAYS_TO_1970
}

/** The day as Postgres reads it, without the era, and whether the era is BC. */
export function dayText(days: number): { readonly text: string; readonly isBC: boolean } {
  const shifted = days + DAYS_TO_1970
  const era = Math.floor(shifted / DAYS_PER_ERA)
  const dayOfEra = shifted - era * DAYS_PER_ERA
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  const shownYear = `${year > 0 ? year : 1 - year}`.padStart(4, '0')
  return { text: `${shownYear}-${twoDigits[month]}-${twoDigits[day]}`, isBC: year <= 0 }
}

/** '00' to '99': a lookup costs less than padding. */
export const twoDigits: readonly string[] = Array.from({ length: 100 }, (_, i) => `${i}`.padStart(2, '0'))

const MONTH_DAYS = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** How many days the month has; 0 where there is no such month. */
export function daysInMonth(year: number, month: number): number {
  if (month !== 2) return MONTH_DAYS[month] ?? 0
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
}
