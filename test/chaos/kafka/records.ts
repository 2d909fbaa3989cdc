// The records that the killed pipeline reads, and what must have become of them in the end. Parent and workers compute both from a record's number.

/** What is wrong with a record, if anything. */
export type Kind = 'good' | 'undecodable' | 'invalid' | 'unhandled' | 'skipped' | 'refused'

const kinds: readonly Kind[] = ['undecodable', 'skipped', 'invalid', 'skipped', 'unhandled']

/** One record in eleven is not good, and those are of each kind in turn. Few are refused by the server: that makes a batch be written again. */
export function kindOf(id: number): Kind {
  if (id % 11 !== 10) return 'good'
  const turn = Math.floor(id / 11)
  return turn % 90 === 0 ? 'refused' : kinds[turn % kinds.length]!
}

/** Records of one key come with growing numbers. */
export const keyOf = (id: number): string => `account ${(id * 7) % 61}`

/** A record as it is produced. */
export function messageOf(id: number): { readonly key: string; readonly value: string } {
  const [kind, key] = [kindOf(id), keyOf(id)]
  if (kind === 'undecodable') return { key, value: `{"id":${id},` }
  const order = { id, account: kind === 'invalid' ? 1 : key, kind, amount: kind === 'refused' ? -1 : id, note: 'x'.repeat(60 + (id % 90)) }
  return { key, value: JSON.stringify(order) }
}

/** The number of a record, from its value. */
export const idOf = (value: Buffer | string): number => Number(/"id":(\d+)/.exec(value.toString())![1])

/** What must be in quarantine of such a record: the stage where it failed. */
export const stageOf: Partial<Record<Kind, string>> = {
  undecodable: 'decode',
  invalid: 'validate',
  unhandled: 'handle',
  refused: 'write',
}
