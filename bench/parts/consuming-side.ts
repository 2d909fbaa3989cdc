import { setTimeout as pause } from 'node:timers/promises'
import type { Pipeline } from 'millrace'
import { perSecond, type Side } from '../figure.js'
import { connected, emptied, mustHold } from './sales-database.js'

/** Something that reads a topic and never ends by itself. */
export interface Consuming {
  /** The first are where they belong: how many. */
  readonly begun: Promise<number>
  /** All records are where they belong. */
  readonly done: Promise<unknown>
  stop(): Promise<unknown>
}

/** A side that reads `rows` records of a topic and writes them nowhere: the time is that from the first to the last, without joining and leaving. */
export function readingSide(rows: number, begin: () => Promise<Consuming> | Consuming): Side {
  return {
    async run() {
      const consuming = await begin()
      const first = await consuming.begun
      const rate = await perSecond(rows - first, () => consuming.done)
      await consuming.stop()
      return rate
    },
  }
}

/**
 * A side that writes `rows` records of a topic into the table of sales: the time is that from `begin`, joining the group included, until the last is
 * written. Leaving is not counted. All tables are emptied before; after it the rows are counted.
 */
export async function consumingSide(
  { address, rows }: { readonly address: string; readonly rows: number },
  begin: () => Promise<Consuming> | Consuming,
  close?: () => Promise<unknown>,
): Promise<Side> {
  const client = await connected(address)
  return {
    async run() {
      await emptied(client)
      let consuming: Consuming | undefined
      const rate = await perSecond(rows, async () => {
        consuming = await begin()
        await consuming.done
      })
      await consuming?.stop()
      await mustHold(client, rows)
      return rate
    },
    async close() {
      await close?.()
      await client.end()
    },
  }
}

/** Starts ours: done when `rows` are delivered. */
export function startConsuming(pipeline: Pipeline, rows: number): Consuming {
  const run = pipeline.start()
  const ended = run.finished.then(() => {
    throw new Error(`the run ended after ${run.snapshot().delivered} of ${rows}`)
  })
  ended.catch(() => {})
  const delivered = async (atLeast: number, everyMs: number): Promise<number> => {
    for (;;) {
      const { delivered, skipped, quarantined, reasons } = run.snapshot()
      if (skipped + quarantined > 0) throw new Error(`not all were delivered: ${JSON.stringify(reasons)}`)
      if (delivered >= atLeast) return delivered
      await Promise.race([pause(everyMs), ended])
    }
  }
  const begun = delivered(1, 1)
  return { begun, done: begun.then(() => delivered(rows, 5)), stop: () => run.stop() }
}
