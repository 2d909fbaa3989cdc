import type { SourceFacts } from '../../core/source-facts.js'

/** What the sources of several processes tell of themselves, by their names, as of one: shares together, counts added up, the latest commit. */
export function mergeFacts(all: readonly Readonly<Record<string, SourceFacts>>[]): Readonly<Record<string, SourceFacts>> {
  const merged: Record<string, SourceFacts> = {}
  for (const facts of all) {
    for (const [source, found] of Object.entries(facts))
      merged[source] = merged[source] === undefined ? found : mergeTwo(merged[source], found)
  }
  return merged
}

function mergeTwo(a: SourceFacts, b: SourceFacts): SourceFacts {
  const assignment: Record<string, readonly number[]> = { ...a.assignment }
  for (const [topic, partitions] of Object.entries(b.assignment ?? {})) {
    assignment[topic] = [...(assignment[topic] ?? []), ...partitions].sort((x, y) => x - y)
  }
  const member = [a.member, b.member].filter(member => member !== undefined).join(', ')
  return {
    ...(member !== '' && { member }),
    ...((a.assignment ?? b.assignment) !== undefined && { assignment }),
    ...((a.rebalances ?? b.rebalances) !== undefined && { rebalances: (a.rebalances ?? 0) + (b.rebalances ?? 0) }),
    ...((a.commits ?? b.commits) !== undefined && { commits: (a.commits ?? 0) + (b.commits ?? 0) }),
    ...((a.committedAt ?? b.committedAt) !== undefined && { committedAt: Math.max(a.committedAt ?? 0, b.committedAt ?? 0) }),
  }
}
