import type { Root } from '../core/receipt.js'

/**
 * What is unsettled, in records and bytes: the back-pressure of a run. The source is not read while it is full.
 *
 * The records hang in a list, oldest first, so that the oldest is known without a search; a Set would cost about 0.1 µs a record.
 */
export class Window {
  /** Unsettled parts: a record counts one, its split children one each. */
  parts = 0
  bytes = 0
  private oldestRoot: Root | null = null
  private newestRoot: Root | null = null
  private waiting: (() => void)[] = []

  constructor(
    readonly maxParts: number,
    readonly maxBytes: number,
  ) {}

  get isFull(): boolean {
    return this.parts >= this.maxParts || this.bytes >= this.maxBytes
  }

  get oldest(): Root | null {
    return this.oldestRoot
  }

  add(root: Root): void {
    this.parts++
    this.bytes += root.bytes
    root.older = this.newestRoot
    if (this.newestRoot === null) this.oldestRoot = root
    else this.newestRoot.newer = root
    this.newestRoot = root
  }

  /** The record is settled, or held elsewhere. Its parts are counted by `shrink`. */
  remove(root: Root): void {
    this.bytes -= root.bytes
    if (root.older === null) this.oldestRoot = root.newer
    else root.older.newer = root.newer
    if (root.newer === null) this.newestRoot = root.older
    else root.newer.older = root.older
    root.older = null
    root.newer = null
  }

  grow(parts: number): void {
    this.parts += parts
  }

  shrink(parts: number): void {
    this.parts -= parts
  }

  /** Resolves when there is room. */
  room(): Promise<void> | undefined {
    if (!this.isFull) return undefined
    return new Promise(resolve => {
      this.waiting.push(resolve)
    })
  }

  /** Wakes who waits for room; called once a batch. */
  wake(): void {
    if (this.waiting.length === 0 || this.isFull) return
    const { waiting } = this
    this.waiting = []
    for (const resolve of waiting) resolve()
  }
}
