import type { MillraceError } from '../../core/errors.js'

/** Why a write of several rows was refused. */
export interface Trouble {
  readonly error: MillraceError
  /** The one row that is at fault, where the server names it. */
  readonly row: number | null
}

/** Writes the rows `from` up to, not including, `to`; null when the server took them all. After trouble none of them is written. */
export type Attempt = (from: number, to: number) => Promise<Trouble | null>

/** Where every row is bad, a write of all that is left for each would cost the square of the rows. */
const PATIENCE = 3
const SMALLEST_TRY = 64

/**
 * Writes all rows but those that the server refuses, and says which these are and why.
 *
 * A row that the server names costs two writes: of the rows before it, and of those after it. Where it names none, halves are tried; when the left half
 * was clean, the right one needs no try. One bad row in 3,000 takes at most 2 log2(3,000) + 1 = 24 writes.
 *
 * @param options.known - What a write of all of them has already shown.
 * @param options.isTrial - Whether all that is written here will be undone: then rows before a named one are not written again, and what only these would
 * show is found by the next write. Default false.
 */
export async function findRefused(
  count: number,
  attempt: Attempt,
  { known = null, isTrial = false }: { readonly known?: Trouble | null; readonly isTrial?: boolean } = {},
): Promise<Map<number, MillraceError>> {
  const search = new Search(attempt, isTrial)
  await search.write(0, count, known)
  return search.refused
}

class Search {
  readonly refused = new Map<number, MillraceError>()

  constructor(
    private readonly attempt: Attempt,
    private readonly isTrial: boolean,
  ) {}

  async write(from: number, to: number, known: Trouble | null): Promise<void> {
    let named = 0
    let start = from
    let trouble = known
    while (start < to) {
      const end =
        trouble !== null || named < PATIENCE ? to : Math.min(to, start + Math.max(SMALLEST_TRY, Math.ceil((2 * (start - from)) / named)))
      // One row that is only thought to be bad is tried: the trouble may have been of the statement, or gone.
      if (trouble === null || (trouble.row === null && end - start === 1)) trouble = await this.attempt(start, end)
      if (trouble === null) {
        start = end
      } else if (trouble.row !== null) {
        const { row, error } = trouble
        if (!this.isTrial) await this.write(start, row, null)
        this.refused.set(row, error)
        named++
        start = row + 1
      } else {
        await this.halve(start, end, trouble)
        start = end
      }
      trouble = null
    }
  }

  private async halve(from: number, to: number, trouble: Trouble): Promise<void> {
    if (to - from === 1) {
      this.refused.set(from, trouble.error)
      return
    }
    const middle = (from + to) >>> 1
    const before = this.refused.size
    await this.write(from, middle, null)
    await this.write(middle, to, this.refused.size === before ? trouble : null)
  }
}
