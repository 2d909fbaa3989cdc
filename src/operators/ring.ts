/** A first-in, first-out queue in a circular array. `Array.shift` moves every element once an array is large; this moves none. */
export class Ring<T> {
  private slots: (T | undefined)[]
  private head = 0
  private count = 0

  /** @param capacity - Room at the start, a power of two; it doubles when full. */
  constructor(capacity = 16) {
    this.slots = new Array(capacity)
  }

  get size(): number {
    return this.count
  }

  push(item: T): void {
    if (this.count === this.slots.length) this.grow()
    this.slots[(this.head + this.count) & (this.slots.length - 1)] = item
    this.count++
  }

  /** The oldest item, which stays. Undefined when empty. */
  peek(): T | undefined {
    return this.slots[this.head]
  }

  /** Takes the oldest item out. Undefined when empty. */
  shift(): T | undefined {
    if (this.count === 0) return undefined
    const item = this.slots[this.head]
    this.slots[this.head] = undefined
    this.head = (this.head + 1) & (this.slots.length - 1)
    this.count--
    return item
  }

  private grow(): void {
    const { slots, head } = this
    const larger = new Array<T | undefined>(slots.length * 2)
    for (let i = 0; i < slots.length; i++) larger[i] = slots[(head + i) & (slots.length - 1)]
    this.slots = larger
    this.head = 0
  }
}
