/** How many reasons a pipeline may have for itself: what users name, ids perhaps, must not fill Prometheus. */
export const MAX_REASONS = 50

/**
 * Counts under a bounded number of names: the first that came keep theirs, all others are `other`.
 *
 * A name that was shown once is shown from then on, so that no counter ever falls.
 */
export class BoundedLabels {
  private readonly shown = new Set<string>()

  constructor(private readonly max: number) {}

  counts(given: Readonly<Record<string, number>>): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const [name, count] of Object.entries(given)) {
      const label = this.labelOf(name)
      counts.set(label, (counts.get(label) ?? 0) + count)
    }
    return counts
  }

  labelOf(name: string): string {
    const cut = name.slice(0, MAX_LENGTH)
    if (this.shown.has(cut)) return cut
    if (this.shown.size >= this.max) return OTHER
    this.shown.add(cut)
    return cut
  }
}

const OTHER = 'other'
/** Reasons are codes and class names; what is longer is somebody's sentence. */
const MAX_LENGTH = 100
