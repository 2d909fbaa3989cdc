/** What the sources of a pipeline have still to read, by source and then by partition. */
export type LagBySource = ReadonlyMap<string, ReadonlyMap<string, number>>

/**
 * A snapshot's lag by source. Its keys are `source partition`, and both may have blanks in them: the longest source that fits is meant.
 *
 * @param sources - The names of the pipeline's sources.
 */
export function lagBySource(lag: ReadonlyMap<string, number>, sources: readonly string[]): LagBySource {
  const longestFirst = [...sources].sort((a, b) => b.length - a.length)
  const found = new Map<string, Map<string, number>>()
  for (const [key, positions] of lag) {
    if (!Number.isFinite(positions)) continue
    const source = longestFirst.find(name => key.startsWith(`${name} `)) ?? key.slice(0, Math.max(0, key.indexOf(' ')))
    const partitions = found.get(source) ?? new Map<string, number>()
    partitions.set(key.slice(source.length + 1), positions)
    found.set(source, partitions)
  }
  return found
}
