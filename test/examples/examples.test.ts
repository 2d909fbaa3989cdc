import { memorySink } from 'millrace'
import { operatorBehaviours, runPipeline, sinkBehaviours, sourceBehaviours } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { changed } from '../../examples/custom/changed.js'
import { consoleSink } from '../../examples/custom/console-sink.js'
import { thermometer } from '../../examples/custom/pipeline.js'
import { type Reading, readingsSource } from '../../examples/custom/readings-source.js'
import { greetings, hello, quarantine } from '../../examples/hello/pipeline.js'

describe('examples/hello', () => {
  test('greets three people and quarantines two lines, and nobody twice', async () => {
    expect(await hello.start().finished).toMatchObject({
      delivered: 3,
      quarantined: 2,
      reasons: { MILL_VALUE_INVALID: 1, MILL_VALUE_UNDECODABLE: 1 },
    })
    expect(await hello.start().finished).toMatchObject({ delivered: 0, quarantined: 0 })
    expect(greetings.rows).toEqual([
      { greeting: 'Hello Ada, born in 1815!' },
      { greeting: 'Hello Grace, born in 1906!' },
      { greeting: 'Hello Edsger, born in 1930!' },
    ])
    expect(quarantine.entries.map(({ stage }) => stage)).toEqual(['validate', 'decode'])
  })
})

describe('examples/custom', () => {
  test('prints what changed', async () => {
    const { delivered, skipped, quarantined } = await runPipeline(
      thermometer(readingsSource([]), memorySink<string>()),
      [
        { sensor: 'a', celsius: 1.2 },
        { sensor: 'b', celsius: 1.2 },
        { sensor: 'a', celsius: 0.9 },
        { sensor: 'a', celsius: Number.NaN },
        { sensor: 'a', celsius: 2 },
      ],
      { key: reading => (reading as Reading).sensor },
    )
    expect(delivered).toEqual(['a: 1 °C', 'b: 1 °C', 'a: 2 °C'])
    expect(skipped).toEqual([{ reason: 'unchanged' }])
    expect(quarantined.map(({ error }) => (error as Error).message)).toEqual(['a says NaN'])
  })

  test('runs on its own source and sink', async () => {
    const printed: string[] = []
    const source = readingsSource([{ sensor: 'a', celsius: 1 }])
    await thermometer(
      source,
      consoleSink(line => printed.push(line)),
    ).start().finished
    expect(printed).toEqual(['a: 1 °C'])
  })

  describe('its operator', () => {
    const options = { operator: () => changed<number>(value => value.toFixed(0)), values: [1, 1.2, 2, 2.1, 3] }
    for (const { name, run } of operatorBehaviours(options)) test(name, run)
  })

  describe('its source', () => {
    const options = {
      async prepare(records: readonly { readonly value: Reading }[]) {
        return { source: () => readingsSource(records.map(({ value }) => value)) }
      },
      value: (n: number): Reading => ({ sensor: `s${n % 3}`, celsius: n }),
      remembers: false,
    }
    for (const { name, run } of sourceBehaviours(options)) test(name, run)
  })

  describe('its sink', () => {
    const options = {
      async prepare() {
        const printed: string[] = []
        return { sink: () => consoleSink(line => printed.push(line)), rows: async () => printed }
      },
      row: (n: number) => `line ${n}`,
    }
    for (const { name, run } of sinkBehaviours(options)) test(name, run)
  })
})
