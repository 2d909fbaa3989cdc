import type { LedgerPartition, LedgerSelection } from '../../core/inspection.js'
import { ask } from '../ask.js'
import { counted } from '../bar.js'
import { exitStatus } from '../exit-status.js'
import type { Frame } from '../frame.js'
import { booksOf, coveredCount, isSelected } from './books-of.js'

/** `ledger reset`. */
export async function resetLedger(
  frame: Frame,
  name: string,
  options: LedgerSelection & { readonly yes?: true; readonly force?: true },
): Promise<void> {
  const { source, partition, yes, force } = options
  const [kept] = await booksOf(await frame.loadConfig({ only: [name] }), [name])
  const { books, sink } = kept!
  const partitions = (await books.list(name)).filter(row => isSelected(row, options))
  if (partitions.length === 0) {
    frame.say('the ledger covers nothing that fits')
    return
  }
  const owned = partitions.filter(({ isOwned }) => isOwned)
  if (owned.length > 0 && !force) {
    frame.say(`an owner is at work on ${named(owned)}: stop the pipeline first, or say --force, which fences it`)
    frame.exit(exitStatus.locked)
    return
  }
  frame.say(...consequences(partitions, sink.overwrites === true))
  if (!yes && !(await ask(frame, 'Forget what is covered?'))) {
    frame.say('nothing was forgotten')
    return
  }
  const count = await books.reset(name, { ...(source !== undefined && { source }), ...(partition !== undefined && { partition }) })
  frame.print(`forgot ${count === 1 ? 'one partition' : `${counted(count)} partitions`} of ${name}\n`)
}

function consequences(partitions: readonly LedgerPartition[], overwrites: boolean): string[] {
  const positions = partitions.reduce((sum, row) => sum + coveredCount(row), 0)
  const what = `${named(partitions)}: ${counted(positions)} positions are covered`
  const again = 'what their source still has of them is read again with the next run'
  const rows = overwrites
    ? 'and its rows are overwritten by themselves'
    : 'and its rows are there twice, unless they are removed or the table refuses duplicates'
  return [`${what}; ${again}, ${rows}`]
}

function named(partitions: readonly LedgerPartition[]): string {
  const names = partitions.slice(0, 3).map(({ source, partition }) => `${source} ${partition}`)
  return partitions.length > 3 ? `${names.join(', ')} and ${partitions.length - 3} more partitions` : names.join(', ')
}
