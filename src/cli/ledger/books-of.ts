import type { LoadedConfig } from '../../config/load-config.js'
import type { LedgerBooks, LedgerPartition, LedgerSelection } from '../../core/inspection.js'
import type { Sink } from '../../core/sink.js'
import { planOf } from '../../runtime/start.js'
import { UsageError } from '../usage-error.js'

/** A pipeline whose sink keeps a ledger. */
export interface Kept {
  readonly name: string
  readonly books: LedgerBooks
  readonly sink: Sink<unknown>
}

/** The pipelines that keep a ledger, of those that are named; of all, those that do. */
export async function booksOf(config: LoadedConfig, names: readonly string[]): Promise<Kept[]> {
  const kept: Kept[] = []
  for (const name of names.length > 0 ? names : config.names) {
    const { sink } = planOf(await config.pipeline(name))
    if (sink.ledgerBooks !== undefined) kept.push({ name, books: sink.ledgerBooks, sink })
    else if (names.length > 0) throw new UsageError(`pipeline ${name} keeps no ledger${sink.ledger ? ' that can be shown' : ''}`)
  }
  if (kept.length === 0) throw new UsageError('no pipeline of the config keeps a ledger')
  return kept
}

/** Whether a partition is meant. */
export const isSelected = (row: LedgerPartition, { source, partition }: LedgerSelection): boolean =>
  (source === undefined || row.source === source) && (partition === undefined || row.partition === partition)

/** How many positions are covered, ids included. */
export const coveredCount = ({ covered, ids }: LedgerPartition): number => covered.reduce((sum, [from, to]) => sum + to - from, 0) + ids
