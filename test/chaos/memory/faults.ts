import type { Envelope } from '../../../src/core/envelope.js'
import type { Quarantine } from '../../../src/core/quarantine.js'
import { BatchError, type Sink } from '../../../src/core/sink.js'
import type { Prefix, SourceOf } from '../../../src/core/source.js'
import { away, type Dice } from '../../harness/dice.js'

// Parts that do what servers do: answer late, answer never although they did it, go away, refuse. With `calm` they only answer late.

/** How bad it gets; each a probability. */
export interface Weather {
  /** A call fails before anything was done. */
  readonly away: number
  /** A call is done, but its answer is lost. */
  readonly lost: number
  /** The longest answer, in ms. */
  readonly slowMs: number
}

/** A sink whose writes take their time, also past the end of their run: what a server has received it finishes. */
export function inWeather<T>(
  sink: Sink<T>,
  dice: Dice,
  weather: Weather,
  refuses: { readonly atCheck: (record: Envelope<T>) => unknown; readonly atWrite: (record: Envelope<T>) => unknown },
): Sink<T> {
  return {
    ...sink,
    async open(context) {
      const session = await called(dice, weather, 'open', () => sink.open(context))
      return {
        ...session,
        ...(session.takeOver && {
          takeOver: (source, partition, mark) => called(dice, weather, 'takeOver', () => session.takeOver!(source, partition, mark)),
        }),
        check: refuses.atCheck,
        write: (batch, signal) =>
          called(dice, weather, 'write', async () => {
            // Half of the writes of an aborted run are cancelled in time, the others are on their way.
            if (signal.aborted && dice.falls(0.5)) throw signal.reason
            const failed = new Map<number, unknown>()
            for (const [i, record] of batch.records.entries()) {
              const error = refuses.atWrite(record)
              if (error !== undefined) failed.set(i, error)
            }
            if (failed.size === 0) return session.write(batch, signal)
            if (!sink.ledger) await session.write({ ...batch, records: batch.records.filter((_, i) => !failed.has(i)) }, signal)
            throw new BatchError(failed)
          }),
      }
    },
  }
}

/** A quarantine whose puts take their time. */
export function quarantineInWeather(quarantine: Quarantine, dice: Dice, weather: Weather): Quarantine {
  return {
    ...quarantine,
    async open(context) {
      const session = await quarantine.open(context)
      return { put: failures => called(dice, weather, 'put', () => session.put(failures)) }
    },
  }
}

/** A source whose reads and commits take their time. */
export function sourceInWeather<T, Commits extends 'prefix' | 'single', Done>(
  source: SourceOf<T, Commits, Done>,
  dice: Dice,
  weather: Weather,
): SourceOf<T, Commits, Done> {
  return {
    ...source,
    async open(context) {
      const session = await source.open(context)
      return {
        ...session,
        async read(limit, signal) {
          await dice.pause(weather.slowMs)
          // Before anything is taken: a read that has taken records must give them.
          if (dice.falls(weather.away)) throw away('read')
          return session.read({ ...limit, records: dice.number(1, Math.min(limit.records, 40)) }, signal)
        },
        commit: done => called(dice, weather, 'commit', () => session.commit!(done)),
        ...(session.lag && { lag: () => session.lag!() }),
      }
    },
  } as SourceOf<T, Commits, Done>
}

async function called<R>(dice: Dice, { away: awayChance, lost, slowMs }: Weather, what: string, call: () => Promise<R>): Promise<R> {
  await dice.pause(slowMs)
  if (dice.falls(awayChance)) throw away(what)
  const result = await call()
  await dice.pause(slowMs)
  if (dice.falls(lost)) throw away(`${what}: the answer is lost`)
  return result
}

export type PrefixSource<T> = SourceOf<T, 'prefix', Prefix>
