import fc from 'fast-check'
import { NEVER } from 'rxjs'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/core/clock.js'
import { Envelope, join } from '../../../src/core/envelope.js'
import { silentLog } from '../../../src/core/log.js'
import { Arrival, close, isWhole, leave, type Outcome, type Part, type Receiver, Root, settle } from '../../../src/core/receipt.js'

/** A run that only keeps the books: which records settled, how often, with what, and how many parts there are. */
class Books implements Receiver {
  readonly flow = {
    signal: new AbortController().signal,
    flushes: NEVER,
    ready: () => undefined,
    clock: systemClock,
    log: silentLog,
    began() {},
    ended() {},
    waits() {},
    resumed() {},
  }
  readonly settled = new Map<Root, number>()
  parts = 0
  readonly roots: Root[] = []

  record(position: number, wanted = ''): Envelope<string> {
    const origin = { source: 's', partition: '0', position, part: wanted }
    const arrival = new Arrival(this, { isRevoked: false }, 's', '0', 0)
    const root = new Root(arrival, { value: 'v', position, ...(wanted !== '' && { origin }) }, 1)
    this.roots.push(root)
    this.parts++
    return Envelope.of('v', root)
  }

  end(part: Part, outcome: Outcome): void {
    leave(part)
    close(part)
    this.parts--
    settle(part, outcome, root => this.settled.set(root, (this.settled.get(root) ?? 0) + 1))
  }

  skipped(part: Part): void {
    this.end(part, 'skipped')
  }
  failed(part: Part): void {
    this.end(part, 'quarantined')
  }
  grew(parts: number): void {
    this.parts += parts
  }
  expands(): void {}
}

/** What is open, in plain sets: the records behind it, and, of an expansion, how to go on. */
interface Leaf {
  readonly record: Envelope<unknown>
  readonly roots: ReadonlySet<number>
  expansion?: ReturnType<Envelope<unknown>['expand']>
  children: number
}

/** Receipts against sets: what the receipts count must be what the model holds, after every step. */
class Model {
  readonly books = new Books()
  readonly leaves: Leaf[] = []
  readonly outcomes: Outcome[]
  /** Which records were tied by joins, as a label each: the same label, tied. */
  private readonly tie: number[]

  constructor(records: number) {
    this.outcomes = Array.from({ length: records }, () => 'skipped')
    this.tie = Array.from({ length: records }, (_, i) => i)
    for (let i = 0; i < records; i++) this.leaves.push({ record: this.books.record(i), roots: new Set([i]), children: 0 })
  }

  split(leaf: Leaf, count: number): void {
    this.remove(leaf)
    const children = leaf.record.split(Array.from({ length: count }, (_, i) => i))
    expect(children).toHaveLength(count)
    for (const record of children) this.leaves.push({ record, roots: leaf.roots, children: 0 })
  }

  expand(leaf: Leaf): void {
    leaf.expansion ??= leaf.record.expand()
    const record = leaf.expansion.add('child')!
    leaf.children++
    this.leaves.push({ record, roots: leaf.roots, children: 0 })
  }

  join(leaves: readonly Leaf[]): void {
    for (const leaf of leaves) this.remove(leaf)
    const roots = new Set(leaves.flatMap(({ roots }) => [...roots]))
    const label = Math.min(...[...roots].map(root => this.tie[root]!))
    const old = new Set([...roots].map(root => this.tie[root]!))
    if (roots.size > 1) for (const [i, tied] of this.tie.entries()) if (old.has(tied)) this.tie[i] = label
    const members = leaves.map(({ record }) => record)
    this.leaves.push({ record: join(members, 'joined'), roots, children: 0 })
  }

  end(leaf: Leaf, as: Outcome): void {
    this.remove(leaf)
    for (const root of leaf.roots) {
      if (as === 'quarantined' || (as === 'delivered' && this.outcomes[root] === 'skipped')) this.outcomes[root] = as
    }
    if (leaf.expansion !== undefined && as !== 'quarantined') leaf.expansion.close()
    else if (as === 'delivered') this.books.end(Envelope.partOf(leaf.record), 'delivered')
    else if (as === 'skipped') leaf.record.skip('skipped')
    else leaf.record.fail(new Error('failed'), 'test')
    // A second time does nothing.
    leaf.record.skip('again')
    leaf.record.fail(new Error('again'), 'test')
  }

  check(): void {
    const { books, leaves, tie } = this
    expect(books.parts).toBe(leaves.length)
    for (const [i, root] of books.roots.entries()) {
      const open = leaves.filter(({ roots }) => roots.has(i)).length
      expect([root.open, root.unsettled], `record ${i}`).toEqual([open, open])
      expect(books.settled.get(root) ?? 0, `record ${i} settled`).toBe(open === 0 ? 1 : 0)
      const isTiedOpen = leaves.some(({ roots }) => [...roots].some(other => tie[other] === tie[i]))
      expect(isWhole(root), `record ${i} whole`).toBe(!isTiedOpen)
    }
  }

  private remove(leaf: Leaf): void {
    this.leaves.splice(this.leaves.indexOf(leaf), 1)
  }
}

const step = fc.record({
  as: fc.constantFrom('split', 'expand', 'join', 'delivered', 'skipped', 'quarantined'),
  at: fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
  count: fc.integer({ min: 1, max: 4 }),
})

describe('receipts', () => {
  test('of any tree of splits, expansions and joins settle once, and count what is open', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 40 }), (records, steps) => {
        const model = new Model(records)
        model.check()
        for (const { as, at, count } of steps) {
          const { leaves } = model
          if (leaves.length === 0) break
          const [leaf, ...more] = [...new Set(at.map(i => leaves[i % leaves.length]!))] as [Leaf, ...Leaf[]]
          // What is being expanded can only go on, or end.
          const isExpanding = leaf.expansion !== undefined
          if (as === 'expand' || (isExpanding && (as === 'split' || as === 'join'))) model.expand(leaf)
          else if (as === 'split') model.split(leaf, count)
          else if (as === 'join') model.join([leaf, ...more.filter(({ expansion }) => expansion === undefined)])
          else model.end(leaf, isExpanding && as === 'delivered' ? 'skipped' : as)
          model.check()
        }
        while (model.leaves.length > 0) {
          model.end(model.leaves[0]!, 'delivered')
          model.check()
        }
        expect(model.books.parts).toBe(0)
      }),
      { numRuns: 1_000 },
    )
  })

  test('the outcome is the worst of the parts', () => {
    const worst = (...outcomes: Outcome[]) => {
      const books = new Books()
      for (const [i, record] of books.record(0).split(outcomes).entries()) books.end(Envelope.partOf(record), outcomes[i]!)
      return books.roots[0]!.outcome
    }
    expect(worst('delivered', 'skipped')).toBe('delivered')
    expect(worst('skipped', 'delivered', 'skipped')).toBe('delivered')
    expect(worst('delivered', 'quarantined', 'skipped')).toBe('quarantined')
    expect(worst('quarantined', 'delivered')).toBe('quarantined')
    expect(worst('skipped', 'skipped')).toBe('skipped')
  })

  test('a replay makes the wanted part, what leads to it, and what comes from it', () => {
    const books = new Books()
    const record = books.record(0, '1.0')
    const [child, ...others] = record.split(['a', 'b', 'c'])
    expect([child!.value, child!.origin.part, others]).toEqual(['b', '1', []])
    const expansion = child!.expand<string>()
    const grandchild = expansion.add('x')!
    expect(expansion.add('y')).toBe(null)
    expect(grandchild.origin.part).toBe('1.0')
    expect(grandchild.split(['p', 'q']).map(({ origin }) => origin.part)).toEqual(['1.0.0', '1.0.1'])
  })

  test('a replayed join may be split, also over time', () => {
    const books = new Books()
    const joined = join([...books.record(0, '1').split(['a', 'b']), books.record(1)], 'both')
    const expansion = joined.expand<string>()
    const added = expansion.add('x')
    expect(added?.origin.part).toBe('join.0')
    expect(added!.split([1, 2]).map(({ origin }) => origin.part)).toEqual(['join.0.0', 'join.0.1'])
  })

  test('a replay whose wanted part is not there fails', () => {
    const books = new Books()
    expect(books.record(0, '7').split(['a', 'b'])).toEqual([])
    expect([books.parts, books.roots[0]!.outcome, books.settled.get(books.roots[0]!)]).toEqual([0, 'quarantined', 1])
  })
})
