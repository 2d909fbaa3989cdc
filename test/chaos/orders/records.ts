// The records that the killed pipeline reads, and what must have become of them in the end. Parent and child compute both from the record's number alone.

/** What is wrong with a record, if anything. */
export type Kind = 'good' | 'undecodable' | 'invalid' | 'unhandled' | 'skipped' | 'unfit' | 'refused'

const kinds: readonly Kind[] = ['undecodable', 'invalid', 'unhandled', 'skipped', 'unfit', 'refused']

/** An order of one to three lines; each line becomes a row. */
export interface Order {
  readonly id: number
  readonly account: string
  readonly kind: Kind
  readonly amounts: readonly number[]
}

/** One record in six is not good, and those are of each kind in turn. */
export const kindOf = (id: number): Kind => (id % 6 === 5 ? kinds[Math.floor(id / 6) % kinds.length]! : 'good')

export function orderAt(id: number): Order {
  const kind = kindOf(id)
  const amounts = Array.from({ length: (id % 3) + 1 }, (_, line) => (kind === 'refused' && line === 0 ? -1 : id + line))
  return { id, account: `account ${id % 17}`, kind, amounts }
}

/** The record as it stands in the file. */
export function lineOf(id: number): string {
  const order = orderAt(id)
  if (order.kind === 'undecodable') return `{"id":${id},`
  return JSON.stringify(order.kind === 'invalid' ? { ...order, account: 1 } : order)
}

/** What the sink gets: a column takes no NUL, and the table's constraint no negative amount. */
export const rowsOf = ({ id, account, kind, amounts }: Order) =>
  amounts.map((amount, line) => ({ order_id: id, line, account: kind === 'unfit' && line === 0 ? 'a\0' : account, amount }))

/** The rows of records 0 … count-1 that must be there, as `order.line`; once `isMended`, those too that only the handler refused. */
export function expectedRows(count: number, isMended: boolean): string[] {
  const rows: string[] = []
  for (let id = 0; id < count; id++) {
    const { kind, amounts } = orderAt(id)
    const from = kind === 'unfit' || kind === 'refused' ? 1 : 0
    const isKept = kind === 'good' || kind === 'unfit' || kind === 'refused' || (kind === 'unhandled' && isMended)
    if (isKept) for (let line = from; line < amounts.length; line++) rows.push(`${id}.${line}`)
  }
  return rows.sort()
}

/** What must be in quarantine, as `file line#part stage`. */
export function expectedQuarantine(count: number, isMended: boolean): string[] {
  const stages: Partial<Record<Kind, string>> = {
    undecodable: 'decode',
    invalid: 'validate',
    unhandled: 'handle',
    unfit: 'write',
    refused: 'write',
  }
  const entries: string[] = []
  for (let id = 0; id < count; id++) {
    const kind = kindOf(id)
    const stage = stages[kind]
    if (stage === undefined || (kind === 'unhandled' && isMended)) continue
    entries.push(`${lineOf(id)}#${kind === 'unfit' || kind === 'refused' ? '0' : ''} ${stage}`)
  }
  return entries.sort()
}
