import { Gauge, type Registry } from 'prom-client'
import { systemClock } from '../core/clock.js'
import type { Quarantine } from '../core/quarantine.js'
import { planOf } from '../runtime/start.js'
import type { Supervisor } from '../runtime/supervisor.js'

type Countable = Quarantine & { readonly count: NonNullable<Quarantine['count']> }

/**
 * How many entries the quarantines hold: of those that can count cheaply, one series each, whichever pipelines share it. One that does not answer
 * within a second is left out of the scrape, which must not wait for a database that is away.
 */
export function addQuarantineMetric(registry: Registry, supervisor: Supervisor): void {
  const counts = countables(supervisor).map(quarantine => ({ name: quarantine.name, count: oneAtATime(quarantine) }))
  if (counts.length === 0) return
  new Gauge({
    name: 'millrace_quarantine_entries',
    help: `Entries of a quarantine, of all pipelines that share it; ${MAX_COUNTED} means that many or more`,
    labelNames: ['quarantine'],
    registers: [registry],
    async collect() {
      const found = await Promise.all(counts.map(async ({ name, count }) => [name, await count()] as const))
      this.reset()
      for (const [quarantine, entries] of found) if (entries !== undefined) this.set({ quarantine }, entries)
    },
  })
}

/** Two of one name are one place, opened twice. */
function countables({ pipelines }: Supervisor): readonly Countable[] {
  const byName = new Map<string, Countable>()
  for (const pipeline of pipelines) {
    const { onFailure } = planOf(pipeline)
    if (onFailure !== 'halt' && onFailure.count !== undefined) byName.set(onFailure.name, onFailure as Countable)
  }
  return [...byName.values()]
}

/** A count that hangs is waited for by the scrapes that follow, and not begun again by each. */
function oneAtATime(quarantine: Countable): () => Promise<number | undefined> {
  let counting: Promise<number | undefined> | null = null
  return () => {
    counting ??= Promise.resolve()
      .then(() => quarantine.count(MAX_COUNTED))
      .catch(() => undefined)
      .finally(() => {
        counting = null
      })
    return within(counting, MAX_COUNTING_MS)
  }
}

function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  return new Promise(resolve => {
    const cancel = systemClock.after(ms, () => resolve(undefined))
    promise.then(value => {
      cancel()
      resolve(value)
    })
  })
}

/** To know that there are many is enough, and a table of millions is not to be read at each scrape. */
const MAX_COUNTED = 10_000
const MAX_COUNTING_MS = 1_000
