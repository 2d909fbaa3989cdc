import assert from 'node:assert/strict'
import type { PositionEntry, Positions, PositionsSession } from '../core/positions.js'
import { type Behaviour, behaviourOn, type World, withSession } from './behaviour.js'

/** A place where a store of positions keeps them. */
export interface PositionsWorld extends World {
  /** Makes the store anew, as a process that is started again would. */
  readonly positions: () => Positions
}

/** Options of the behaviours of a store of positions. */
export interface PositionsBehaviourOptions {
  /** Called once a behaviour; it must start from nothing. */
  readonly prepare: () => Promise<PositionsWorld>
}

/** What every store of positions must do, as tests. docs/components.md has the MUST behind each. */
export function positionsBehaviours({ prepare }: PositionsBehaviourOptions): readonly Behaviour[] {
  const on = (name: string, test: (world: PositionsWorld) => Promise<void>): Behaviour => behaviourOn(prepare, name, test)
  return [
    on('opens, and closes without use', world => using(world, async () => {})),

    on('knows nothing of a partition never written', world =>
      using(world, async session => {
        assert.equal(await session.read('files', 'a.ndjson'), undefined)
      }),
    ),

    on('gives back what was written', world =>
      using(world, async session => {
        const entries = [entry('a', 7), entry('b', 0, null), entry('c', Number.MAX_SAFE_INTEGER, 'sha256:00ff'), entry('d', 1, '')]
        await session.write(entries)
        await assertHolds(session, entries)
      }),
    ),

    on('the last write wins, be it lower', world =>
      using(world, async session => {
        await session.write([entry('a', 100, 'one')])
        await session.write([entry('a', 40, 'two')])
        await assertHolds(session, [entry('a', 40, 'two')])
      }),
    ),

    on('keeps partitions apart whatever their names', world =>
      using(world, async session => {
        const entries = oddNames.flatMap((name, i) => [
          entry(name, 2 * i + 1),
          { source: name, partition: 'a', next: 2 * i + 2, mark: `mark of ${name}` },
        ])
        await session.write(entries)
        await assertHolds(session, entries)
      }),
    ),

    on('keeps pipelines apart', async world => {
      await using(world, session => session.write([entry('a', 1)]), 'one')
      await using(world, session => session.write([entry('a', 2)]), 'two')
      await using(world, session => assertHolds(session, [entry('a', 1)]), 'one')
      await using(world, session => assertHolds(session, [entry('a', 2)]), 'two')
      await using(world, async session => assert.equal(await session.read('files', 'a'), undefined), 'three')
    }),

    on('survives being opened again', async world => {
      await using(world, session => session.write([entry('a', 1), entry('b', 2)]))
      await using(world, session => session.write([entry('b', 3)]))
      await using(world, session => assertHolds(session, [entry('a', 1), entry('b', 3)]))
    }),

    on('is durable when write resolves', world =>
      using(world, async session => {
        await session.write([entry('a', 9)])
        await using(world, other => assertHolds(other, [entry('a', 9)]))
      }),
    ),

    on('keeps a thousand partitions of one write', async world => {
      const entries = Array.from({ length: 1_000 }, (_, i) => entry(`part-${i}`, i))
      await using(world, session => session.write(entries))
      await using(world, session => assertHolds(session, entries))
    }),

    on('takes a write of nothing', world => using(world, session => session.write([]))),

    on('closes twice without harm', world =>
      using(world, async session => {
        await session.write([entry('a', 1)])
        await session.close?.()
      }),
    ),
  ]
}

const oddNames = ['a/b', 'a\\b', '../a', 'a b', "a'b", 'a"b', 'ü', 'a\nb', 'A', '%61', '__proto__', 'x'.repeat(300)]

const entry = (partition: string, next: number, mark: string | null = 'mark'): PositionEntry => ({ source: 'files', partition, next, mark })

function using<R>(world: PositionsWorld, use: (session: PositionsSession) => Promise<R>, pipeline = 'behaviours'): Promise<R> {
  return withSession(world.positions().open({ pipeline }), use)
}

async function assertHolds(session: PositionsSession, entries: readonly PositionEntry[]): Promise<void> {
  for (const { source, partition, next, mark } of entries) {
    const kept = await session.read(source, partition)
    assert.deepEqual(kept && { next: kept.next, mark: kept.mark }, { next, mark }, `${source} ${partition}`)
  }
}
