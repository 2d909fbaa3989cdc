import {
  type Behaviour,
  memoryQuarantine,
  memorySink,
  memorySource,
  memoryStore,
  operatorBehaviours,
  quarantineBehaviours,
  type SourceRecord,
  sinkBehaviours,
  sourceBehaviours,
} from 'millrace/testing'
import { Observable } from 'rxjs'
import { describe, expect, test } from 'vitest'
import type { Envelope } from '../../../src/core/envelope.js'
import type { Operator } from '../../../src/core/operator.js'
import type { Quarantine } from '../../../src/core/quarantine.js'
import type { Sink, SinkSession } from '../../../src/core/sink.js'
import type { Prefix, SourceOf, SourceSession } from '../../../src/core/source.js'
import type { MemoryStore } from '../../../src/stores/memory-store.js'

// A suite is worth what it refuses: each part here does one thing wrong, and one behaviour must say so.

/** The behaviour of this name fails. */
async function refuses(behaviours: readonly Behaviour[], ...names: readonly string[]): Promise<void> {
  for (const wanted of names) {
    const behaviour = behaviours.find(({ name }) => name === wanted)
    expect(behaviour, wanted).toBeDefined()
    await expect(behaviour!.run(), wanted).rejects.toThrow()
  }
}

type Session = SourceSession<string, Prefix>
type Twist = (session: Session, source: SourceOf<string, 'prefix', Prefix> & { committed: ReadonlyMap<string, number> }) => Partial<Session>

function behavioursOfSource(twist: Twist): readonly Behaviour[] {
  return sourceBehaviours({
    async prepare(records: readonly SourceRecord<string>[]) {
      const byValue = new Map(records.map(record => [record.value, record]))
      const source = memorySource(
        records.map(({ value }) => value),
        { key: value => byValue.get(value)!.key, headers: value => byValue.get(value)!.headers },
      )
      const open: typeof source.open = async context => {
        const session = (await source.open(context)) as Session
        const given: Session = { read: session.read.bind(session), commit: session.commit!.bind(session) }
        return { ...given, ...twist(given, source) }
      }
      return { source: () => ({ ...source, open }) }
    },
    value: n => `record ${n}`,
    keys: true,
    headers: true,
    timeoutMs: 300,
  })
}

describe('sourceBehaviours refuse a source that', () => {
  const wrongs: readonly (readonly [string, Twist, string])[] = [
    ['loses a record', ({ read }) => ({ read: async (l, s) => (await read(l, s))?.filter(({ position }) => position !== 3) ?? null }), 'gives every record once, in order within its partition'],
    ['gives a record twice', ({ read }) => ({ read: async (l, s) => (await read({ ...l, records: 1 }, s))?.flatMap(r => (r.position === 2 && l.records > 1 ? [r, r] : [r])) ?? null }), 'gives every record once, in order within its partition'],
    ['changes a value', ({ read }) => ({ read: async (l, s) => (await read(l, s))?.map(r => ({ ...r, value: r.value.trim().replace('7', '8') })) ?? null }), 'gives values as they are'],
    ['gives more than asked for', ({ read }) => ({ read: (l, s) => read({ ...l, records: l.records + 1 }, s) }), 'gives at least one record, and no more than asked for'],
    ['gives an empty list', ({ read }) => (n => ({ read: async (l, s) => (n++ % 2 === 0 ? [] : read(l, s)) }))(0), 'gives at least one record, and no more than asked for'],
    ['loses what an aborted read had taken', ({ read }) => ({ read: async (l, s) => { const batch = await read(l, new AbortController().signal); s.throwIfAborted(); return batch } }), 'loses nothing to an aborted read'],
    ['gives positions that do not grow', ({ read }) => ({ read: async (l, s) => (await read(l, s))?.map(r => ({ ...r, position: 100 - (r.position as number) })) ?? null }), 'positions identify: they grow in a partition, or are ids'],
    ['gives other positions the next time', ({ read }, _) => (shift => ({ read: async (l, s) => (await read(l, s))?.map(r => ({ ...r, position: (r.position as number) + shift })) ?? null }))(shifts++), 'a record keeps its position when it comes again'],
    ['drops keys', ({ read }) => ({ read: async (l, s) => (await read(l, s))?.map(r => ({ ...r, key: null })) ?? null }), 'keeps keys, and the lack of one'],
    ['keeps one header of a name', ({ read }) => ({ read: async (l, s) => (await read(l, s))?.map(r => ({ ...r, headers: [...new Map(r.headers)] })) ?? null }), 'keeps headers: their order, repeats and bytes'],
    ['commits what it read', ({ read, commit }) => ({ read: async (l, s) => { const batch = await read(l, s); if (batch) await commit!([{ partition: '0', next: (batch.at(-1)!.position as number) + 1 }]); return batch } }), 'what was not committed comes again'],
    ['commits one too many', ({ commit }) => ({ commit: done => commit!(done.map(({ partition, next }) => ({ partition, next: next + 1 }))) }), 'goes on behind the commit, and commits no more than it was told'],
    ['forgets its commits', () => ({ commit: async () => {} }), 'goes on behind the commit, and commits no more than it was told'],
    ['cannot be closed twice', () => (closed => ({ close: async () => { if (closed) throw new Error('closed before'); closed = true } }))(false), 'closes twice without harm'],
    ['ends but once', ({ read }) => (over => ({ read: async (l, s) => { const batch = await read(l, s); if (batch === null && over) return []; over = batch === null; return batch } }))(false), 'is exhausted by null at its end, and stays so'],
  ] // biome-ignore format: a table
  let shifts = 0

  test.each(wrongs)('%s', async (_, twist, name) => {
    await refuses(behavioursOfSource(twist), name)
  })

  test('nothing is refused of one that does nothing wrong', async () => {
    for (const { run } of behavioursOfSource(() => ({}))) await run()
  })
})

interface Row {
  readonly id: number
}

function behavioursOfSink(
  spoil: (store: MemoryStore) => void,
  twist: (session: SinkSession<Row>) => Partial<SinkSession<Row>> = () => ({}),
): readonly Behaviour[] {
  return sinkBehaviours<Row>({
    async prepare() {
      const store = memoryStore()
      spoil(store)
      const inner = memorySink<Row>({ store, ledger: true, maxConcurrentWrites: 2 })
      const sink: Sink<Row> = {
        ...inner,
        open: async context => (session => ({ ...session, ...twist(session) }))(await inner.open(context)),
      }
      return { sink: () => sink, rows: async () => inner.rows, quarantine: () => memoryQuarantine({ store }) }
    },
    row: id => ({ id }),
    ledger: true,
    quarantine: true,
    timeoutMs: 300,
  })
}

describe('sinkBehaviours refuse a sink that', () => {
  const nothing = () => {}
  test('loses a row', async () => {
    const behaviours = behavioursOfSink(nothing, ({ write }) => ({
      write: (batch, s) => write({ ...batch, records: batch.records.slice(1) }, s),
    }))
    await refuses(behaviours, 'writes every row of a batch')
  })

  test('says that it is durable before it is', async () => {
    const behaviours = behavioursOfSink(nothing, ({ write }) => {
      let last: Promise<unknown> = Promise.resolve()
      return {
        write: async (batch, s) => {
          last = last.then(() => new Promise(resolve => setImmediate(resolve))).then(() => write(batch, s))
        },
        close: async () => void (await last.catch(() => {})),
      }
    })
    await refuses(behaviours, 'is durable when write resolves')
  })

  test('takes no notice of an epoch', async () => {
    const behaviours = behavioursOfSink(store => {
      const takeOver = store.ledger.takeOver.bind(store.ledger)
      store.ledger.takeOver = (...given) => {
        const { covered, mark } = takeOver(...given)
        store.ledger.row(given[0], given[1], given[2])!.epoch = 1n
        return { epoch: 1n, covered, mark }
      }
    })
    await refuses(behaviours, 'ledger: a former owner is refused, and writes nothing')
  })

  test('takes no notice of what is covered', async () => {
    const behaviours = behavioursOfSink(store => {
      store.ledger.refusal = () => null
    })
    await refuses(behaviours, 'ledger: refuses what was delivered before, whole', 'ledger: a former owner is refused, and writes nothing')
  })

  test('covers nothing', async () => {
    const behaviours = behavioursOfSink(store => {
      store.ledger.cover = () => {}
    })
    await refuses(behaviours, 'ledger: says at takeOver what was covered')
  })

  test('covers before it knows that it may write', async () => {
    const behaviours = behavioursOfSink(nothing, ({ write }) => ({
      write: (batch, s) => write({ ...batch, covers: [] }, s).then(() => write({ ...batch, records: [], failures: [] }, s)),
    }))
    await refuses(behaviours, 'ledger: refuses what was delivered before, whole', 'ledger: failures of a refused write are not kept')
  })

  test('drops failures', async () => {
    const behaviours = behavioursOfSink(nothing, ({ write }) => ({ write: (batch, s) => write({ ...batch, failures: [] }, s) }))
    await refuses(behaviours, 'ledger: failures of its scope are written with rows and covers')
  })

  test('names all of a batch as covered', async () => {
    const behaviours = behavioursOfSink(store => {
      const refusal = store.ledger.refusal.bind(store.ledger)
      store.ledger.refusal = (pipeline, covers) => {
        const error = refusal(pipeline, covers)
        return error === null || error.name === 'FencedError' ? error : Object.assign(error, { covers })
      }
    })
    await refuses(behaviours, 'ledger: refuses a batch of which a part was delivered, and names that part')
  })
})

function behavioursOfQuarantine(twist: (quarantine: Quarantine) => Partial<Quarantine>): readonly Behaviour[] {
  return quarantineBehaviours({
    async prepare() {
      const inner = memoryQuarantine()
      const quarantine = { ...inner, ...twist(inner) }
      return { quarantine: () => quarantine }
    },
  })
}

describe('quarantineBehaviours refuse a quarantine that', () => {
  test('cuts what it keeps', async () => {
    const behaviours = behavioursOfQuarantine(({ open }) => ({
      open: async context => {
        const session = await open(context)
        return { put: failures => session.put(failures.map(failure => ({ ...failure, raw: failure.raw.slice(0, 1_000) }))) }
      },
    }))
    await refuses(behaviours, 'keeps a megabyte, and what is said of a larger whole')
  })

  test('lists what came later', async () => {
    const behaviours = behavioursOfQuarantine(({ list }) => ({
      async *list(filter) {
        const seen = new Set<string>()
        for (let isNew = true; isNew; ) {
          isNew = false
          for await (const entry of list(filter)) {
            if (seen.has(entry.id)) continue
            seen.add(entry.id)
            isNew = true
            yield entry
          }
        }
      },
    }))
    await refuses(behaviours, 'lists what was there when the listing began')
  })

  test('releases more than it is told', async () => {
    const behaviours = behavioursOfQuarantine(({ list, release }) => ({
      async release() {
        for await (const { id } of list()) await release([id])
      },
    }))
    await refuses(behaviours, 'releases what is named, and nothing else')
  })
})

describe('operatorBehaviours refuse an operator that', () => {
  const bare = (next: (record: Envelope<number>, give: (record: Envelope<number>) => void) => void): Operator<number, number> => {
    return records =>
      new Observable(subscriber =>
        records.subscribe({
          next: record => next(record, given => subscriber.next(given)),
          error: error => subscriber.error(error),
          complete: () => subscriber.complete(),
        }),
      )
  }
  const behavioursOf = (operator: () => Operator<number, number>) => operatorBehaviours({ operator, values: [1, 2, 3], timeoutMs: 300 })

  test('forgets a record', async () => {
    await refuses(
      behavioursOf(() => bare((record, give) => record.value !== 2 && give(record))),
      'each record comes out, is skipped or fails, and settles once',
    )
  })

  test('never completes', async () => {
    const endless = (): Operator<number, number> => records =>
      new Observable(subscriber => records.subscribe({ next: record => subscriber.next(record), error: error => subscriber.error(error) }))
    await refuses(behavioursOf(endless), 'completes when the records do, also without any')
  })

  test('keeps its state outside', async () => {
    const once = () => {
      const seen = new Set<number>()
      return bare((record, give) => {
        if (seen.has(record.value)) return record.skip('seen')
        seen.add(record.value)
        give(record)
      })
    }
    await refuses(behavioursOf(once), 'keeps no state from one run to another')
  })
})
