import { fileURLToPath } from 'node:url'
import { decode, definePipeline, filesSource, memoryPositions, memoryQuarantine, memorySink, transform, validate } from 'millrace'

const Person = {
  type: 'object',
  properties: { name: { type: 'string' }, born: { type: 'integer' } },
  required: ['name', 'born'],
  additionalProperties: false,
} as const

export const greetings = memorySink<{ readonly greeting: string }>()
export const quarantine = memoryQuarantine()

/** Greets the people of people.ndjson. Two of its five lines are no people: they go to quarantine, and the others go on. */
export const hello = definePipeline({
  name: 'hello',
  source: filesSource({
    root: fileURLToPath(new URL('.', import.meta.url)),
    paths: 'people.ndjson',
    format: 'ndjson',
    positions: memoryPositions(),
  }),
  steps: records =>
    records.pipe(
      decode('json'),
      validate(Person),
      transform(({ name, born }) => ({ greeting: `Hello ${name}, born in ${born}!` })),
    ),
  sink: greetings,
  onFailure: quarantine,
})
