/** Where a record stands in its partition. Sources that commit a prefix: safe integers that grow. The others: any stable id. */
export type Position = number | string

/** Where a record came from. Stable across redelivery, so it is the idempotency key. */
export interface Origin {
  readonly source: string
  readonly partition: string
  readonly position: Position
  /** Which child of a split: `''` the whole, `'3'` the fourth, `'3.0'` its first child, `'join'` of several. */
  readonly part: string
}

/** An origin in one line for messages and logs: `files in/a.ndjson@1024` or, of a child, `files in/a.ndjson@1024#3`. */
export function originText({ source, partition, position, part }: Origin): string {
  return `${source} ${partition}@${position}${part === '' ? '' : `#${part}`}`
}
