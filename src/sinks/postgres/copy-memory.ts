import { PART_BYTES, type PartMemory } from '../../tables/row-shape.js'

/** As much as two transactions of 2 MiB hold, and the one that is encoded meanwhile. */
const MAX_SPARE = Math.ceil((8 * 1024 * 1024) / PART_BYTES)

/**
 * The memory into which rows are encoded, used again when the server has what was in it. Each batch would else leave some MB to be collected, which
 * under load pile up (bench memory.stalled: 74 MB with rows of 16 KB, 30 so).
 */
export class CopyMemory {
  private readonly spare: Buffer[] = []

  /** Memory for one write. Until its end nobody else has it; without an end, it is the collector's. */
  lease(): { readonly take: PartMemory; end(): void } {
    const taken: Buffer[] = []
    return {
      take: () => {
        const part = this.spare.pop() ?? Buffer.allocUnsafeSlow(PART_BYTES)
        taken.push(part)
        return part
      },
      end: () => {
        for (const part of taken.splice(0)) if (this.spare.length < MAX_SPARE) this.spare.push(part)
      },
    }
  }
}
