/** Half-open, sorted, disjoint, not touching: `[[0, 5], [7, 9]]` is 0…4 and 7…8. */
export type Ranges = readonly (readonly [from: number, to: number])[]

/** Dropped ranges are kept until there are so many, and as many as the others. */
const MIN_SHIFT = 64

/**
 * A set of numbers kept as ranges: what is settled costs memory by its holes, not by its records.
 *
 * Adding at the end, the common case, is O(1), and so is dropping from the beginning, over time; elsewhere O(log n) to find and O(n) to shift, n the
 * number of ranges.
 */
export class RangeSet {
  private readonly from: number[] = []
  private readonly to: number[] = []
  /** What lies before this index is dropped. */
  private head = 0

  static of(ranges: Ranges): RangeSet {
    const set = new RangeSet()
    for (const [from, to] of ranges) set.add(from, to)
    return set
  }

  /** How many ranges there are. */
  get size(): number {
    return this.from.length - this.head
  }

  /** Adds `from` up to, not including, `to`. An empty range adds nothing. */
  add(from: number, to: number): void {
    if (!(from < to)) return
    const last = this.from.length - 1
    if (last < this.head || from > this.to[last]!) {
      this.from.push(from)
      this.to.push(to)
      return
    }
    if (from >= this.from[last]!) {
      if (to > this.to[last]!) this.to[last] = to
      return
    }
    const first = this.firstEndingAtOrAfter(from)
    let end = first
    while (end < this.from.length && this.from[end]! <= to) end++
    if (first === end) {
      this.from.splice(first, 0, from)
      this.to.splice(first, 0, to)
      return
    }
    const joinedFrom = Math.min(from, this.from[first]!)
    const joinedTo = Math.max(to, this.to[end - 1]!)
    this.from[first] = joinedFrom
    this.to[first] = joinedTo
    if (end - first === 1) return
    this.from.splice(first + 1, end - first - 1)
    this.to.splice(first + 1, end - first - 1)
  }

  addAll(ranges: Ranges): void {
    for (const [from, to] of ranges) this.add(from, to)
  }

  /** Takes out `from` up to, not including, `to`. */
  remove(from: number, to: number): void {
    if (!(from < to)) return
    const kept: [number, number][] = []
    let first = this.firstEndingAtOrAfter(from)
    while (first < this.from.length && this.to[first]! <= from) first++
    let end = first
    for (; end < this.from.length && this.from[end]! < to; end++) {
      if (this.from[end]! < from) kept.push([this.from[end]!, from])
      if (this.to[end]! > to) kept.push([to, this.to[end]!])
    }
    this.from.splice(first, end - first, ...kept.map(([at]) => at))
    this.to.splice(first, end - first, ...kept.map(([, at]) => at))
  }

  has(position: number): boolean {
    const at = this.firstEndingAtOrAfter(position + 1)
    return at < this.from.length && this.from[at]! <= position
  }

  /** The end of the range that holds `position`, or `position` itself where none does: the first hole at or after it. */
  holeFrom(position: number): number {
    const at = this.firstEndingAtOrAfter(position + 1)
    return at < this.from.length && this.from[at]! <= position ? this.to[at]! : position
  }

  /** What of `from` up to, not including, `to` is in the set. */
  within(from: number, to: number): Ranges {
    const found: (readonly [number, number])[] = []
    if (!(from < to)) return found
    for (let at = this.firstEndingAtOrAfter(from + 1); at < this.from.length && this.from[at]! < to; at++) {
      found.push([Math.max(from, this.from[at]!), Math.min(to, this.to[at]!)])
    }
    return found
  }

  /** The end of the last range; undefined while empty. */
  get end(): number | undefined {
    return this.size === 0 ? undefined : this.to[this.to.length - 1]
  }

  /** Forgets what lies before `position`: the prefix of a tracker needs no ranges. */
  dropBefore(position: number): void {
    while (this.head < this.to.length && this.to[this.head]! <= position) this.head++
    if (this.size > 0 && this.from[this.head]! < position) this.from[this.head] = position
    // Shifting at each drop took a fifth of the client's time in an upsert by lane, where each record settles with a hole beside it (bench
    // postgres.upsert).
    if (this.head < MIN_SHIFT || this.head < this.size) return
    this.from.splice(0, this.head)
    this.to.splice(0, this.head)
    this.head = 0
  }

  clear(): void {
    this.from.length = 0
    this.to.length = 0
    this.head = 0
  }

  toRanges(): Ranges {
    return this.from.slice(this.head).map((from, i) => [from, this.to[this.head + i]!] as const)
  }

  private firstEndingAtOrAfter(position: number): number {
    let low = this.head
    let high = this.to.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.to[middle]! < position) low = middle + 1
      else high = middle
    }
    return low
  }
}
