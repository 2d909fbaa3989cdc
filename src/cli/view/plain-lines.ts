import { counted, spoken } from '../bar.js'
import type { Row } from './row.js'

const EVERY_MS = 2_000

/**
 * Tells how pipelines go in lines, one a pipeline, every two seconds as long as something changes.
 *
 * @returns Ends it.
 */
export function plainLines(rowsNow: () => readonly Row[], write: (line: string) => void): () => void {
  const said = new Map<string, string>()
  const tell = () => {
    for (const row of rowsNow()) {
      const line = lineOf(row)
      // The rate and the age go on changing when nothing happens.
      const what = `${row.state} ${row.delivered} ${row.quarantined} ${row.inFlight} ${row.lag}`
      if (said.get(row.name) !== what) write(line)
      said.set(row.name, what)
    }
  }
  const timer = setInterval(tell, EVERY_MS)
  tell()
  return () => clearInterval(timer)
}

/** `signups: running  12,000 delivered  4,000/s  1,000 in flight  lag 88,000  3 quarantined  12 % done` */
export function lineOf({ name, state, delivered, rate, inFlight, lag, quarantined, oldestUnsettledMs, part, secondsLeft }: Row): string {
  const shown = [`${name}: ${state}`, `${counted(delivered)} delivered`]
  if (rate !== null) shown.push(`${counted(rate)}/s`)
  if (inFlight > 0) shown.push(`${counted(inFlight)} in flight`, `the oldest for ${(oldestUnsettledMs / 1_000).toFixed(1)} s`)
  if (lag !== null) shown.push(`lag ${counted(lag)}`)
  if (quarantined > 0) shown.push(`${counted(quarantined)} quarantined`)
  if (part !== null && part < 1) shown.push(`${Math.floor(part * 100)} % done`)
  if (secondsLeft !== null) shown.push(`${spoken(secondsLeft)} left`)
  return shown.join('  ')
}
