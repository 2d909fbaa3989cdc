import {
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
import { describe, test } from 'vitest'
import { recordOperator } from '../../src/core/operator.js'

describe('memorySource', () => {
  const lines = {
    async prepare(records: readonly SourceRecord<string>[]) {
      const source = memorySource(records.map(({ value }) => value))
      return { source: () => source }
    },
    value: (n: number) => `line ${n} ü`,
  }
  for (const { name, run } of sourceBehaviours(lines)) test(name, run)

  describe('with partitions', () => {
    const partitioned = {
      async prepare(records: readonly SourceRecord<string>[]) {
        const values = new Map(records.map(record => [record.value, record]))
        const source = memorySource(
          records.map(({ value }) => value),
          {
            partition: value => `part ${values.get(value)!.partition}`,
            key: value => values.get(value)!.key,
            headers: value => values.get(value)!.headers,
          },
        )
        return { source: () => source }
      },
      value: (n: number) => `line ${n}`,
      partitions: 3,
      keys: true,
      headers: true,
    }
    for (const { name, run } of sourceBehaviours(partitioned)) test(name, run)
  })

  describe('endless', () => {
    const endless = {
      async prepare(records: readonly SourceRecord<string>[]) {
        const source = memorySource(
          records.map(({ value }) => value),
          { endless: true },
        )
        return { source: () => source, add: async (more: readonly SourceRecord<string>[]) => source.add(...more.map(({ value }) => value)) }
      },
      value: (n: number) => `line ${n}`,
      endless: true,
    }
    for (const { name, run } of sourceBehaviours(endless)) test(name, run)
  })
})

describe('memorySink', () => {
  const row = (n: number) => ({ id: n, name: `name ${n}` })

  describe('without a ledger', () => {
    const plain = {
      async prepare() {
        const store = memoryStore()
        const sink = () => memorySink<ReturnType<typeof row>>({ store, maxConcurrentWrites: 3 })
        return { sink, rows: async () => sink().rows }
      },
      row,
    }
    for (const { name, run } of sinkBehaviours(plain)) test(name, run)
  })

  describe('overwriting', () => {
    const overwriting = {
      async prepare() {
        const store = memoryStore()
        const sink = () => memorySink<ReturnType<typeof row>>({ store, overwrites: true })
        return { sink, rows: async () => sink().rows }
      },
      row,
    }
    for (const { name, run } of sinkBehaviours(overwriting)) test(name, run)
  })

  describe('with a ledger', () => {
    const ledger = {
      async prepare() {
        const store = memoryStore()
        const sink = () => memorySink<ReturnType<typeof row>>({ store, ledger: true, maxConcurrentWrites: 2 })
        return { sink, rows: async () => sink().rows, quarantine: () => memoryQuarantine({ store }) }
      },
      row,
      ledger: true,
      quarantine: true,
    }
    for (const { name, run } of sinkBehaviours(ledger)) test(name, run)
  })
})

describe('memoryQuarantine', () => {
  const options = {
    async prepare() {
      const store = memoryStore()
      return { quarantine: () => memoryQuarantine({ store }) }
    },
  }
  for (const { name, run } of quarantineBehaviours(options)) test(name, run)
})

describe('recordOperator', () => {
  const odd = () =>
    recordOperator<number, number>('odd', out => record => {
      if (record.value % 3 === 0) throw new RangeError('three')
      if (record.value % 2 === 0) record.skip('even')
      else out.next(record)
    })
  for (const { name, run } of operatorBehaviours({ operator: odd, values: [1, 2, 3, 4, 5, 6] })) test(name, run)
})
