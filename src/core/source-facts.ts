/** What an open source tells of itself, for people and dashboards; it leaves out what it has not. Counts are of this run. Plain data: it fits into JSON. */
export interface SourceFacts {
  /** As whom it reads: the id of a member of a consumer group. */
  readonly member?: string
  /** What it reads: the numbers of its partitions, by topic. */
  readonly assignment?: Readonly<Record<string, readonly number[]>>
  /** How often its share was dealt out anew, after the first time. */
  readonly rebalances?: number
  /** How many commits were acknowledged. */
  readonly commits?: number
  /** When the last of them was. Milliseconds since 1970. */
  readonly committedAt?: number
}
