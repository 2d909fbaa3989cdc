// The process of one side: `side.js <id> <side> <setting> <options>`. Told `run`, it measures once and sends what it measured.
import { setTimeout as pause } from 'node:timers/promises'
import type { Measured, Options } from './figure.js'
import { loadFigure } from './figures.js'

/** What a side sends to the bench. */
export type SideMessage =
  | { readonly is: 'ready' }
  | { readonly is: 'measured'; readonly value: Measured }
  | { readonly is: 'failed'; readonly error: string }

const [id, name, setting, options] = process.argv.slice(2) as [string, string, string, string]
const send = (message: SideMessage) => process.send?.(message)
// The bench is gone: whatever is under way is nobody's any more.
process.once('disconnect', () => process.exit(1))
process.once('uncaughtException', error => failed(error))

try {
  const figure = await loadFigure(id)
  const make = figure.sides[name]
  if (make === undefined) throw new Error(`figure ${id} has no side ${name}`)
  const side = await make(JSON.parse(setting), JSON.parse(options) as Options)
  process.on('message', async (word: 'run' | 'close') => {
    try {
      if (word === 'close') {
        await side.close?.()
        process.exit(0)
      }
      // No gc() here: it throws away compiled code too, and what is measured would not be warm.
      await pause(20)
      send({ is: 'measured', value: await side.run() })
    } catch (error) {
      failed(error)
    }
  })
  send({ is: 'ready' })
} catch (error) {
  failed(error)
}

function failed(error: unknown): void {
  const text =
    error instanceof Error
      ? `${error.stack}${error.cause ? `\ncause: ${String((error.cause as Error).stack ?? error.cause)}` : ''}`
      : String(error)
  process.send?.({ is: 'failed', error: text } satisfies SideMessage, () => process.exit(1))
}
