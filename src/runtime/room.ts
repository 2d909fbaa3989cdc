import type { Window } from './window.js'

/**
 * Room for operators that make many records of one.
 *
 * They wait while a window is full. But a window may be full of nothing but records that queue behind such an operator: then nobody else can make
 * room, and the run grants some children beyond the window, one batch at a time. Of several operators in a row the last gets it: what an earlier
 * one made would only queue behind it.
 */
export class Room {
  private granted = 0
  private grantedDepth = 0
  private waiting: { readonly depth: number; readonly resolve: () => void }[] = []

  constructor(
    private readonly windows: () => readonly Window[],
    /** How many children one grant lets through. */
    private readonly grantSize: number,
  ) {}

  /** Whether an operator waits for it. */
  get isWanted(): boolean {
    return this.waiting.length > 0
  }

  /**
   * Undefined while there is room for one more.
   *
   * @param depth - How often the record was split before.
   */
  ready(depth: number): Promise<void> | undefined {
    if (!this.isFull) return undefined
    if (this.granted > 0 && depth >= this.grantedDepth) {
      this.granted--
      return undefined
    }
    return new Promise(resolve => {
      this.waiting.push({ depth, resolve })
    })
  }

  /** Something was settled. */
  wake(): void {
    if (this.waiting.length === 0 || this.isFull) return
    this.granted = 0
    this.letGo(0)
  }

  /** Nothing moves any more: lets a batch of children through although there is no room. */
  grant(): void {
    this.granted = this.grantSize - 1
    this.grantedDepth = this.waiting.reduce((deepest, { depth }) => Math.max(deepest, depth), 0)
    this.letGo(this.grantedDepth)
  }

  private get isFull(): boolean {
    for (const window of this.windows()) if (window.isFull) return true
    return false
  }

  private letGo(depth: number): void {
    const { waiting } = this
    this.waiting = waiting.filter(waits => waits.depth < depth)
    for (const waits of waiting) if (waits.depth >= depth) waits.resolve()
  }
}
