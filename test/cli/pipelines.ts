/** A config in JavaScript with pipelines of memory and of clocks: what a test of the command runs. `settings` stands beside its pipelines. */
export const memoryConfig = (pipelines: string, settings = ''): string => `
import { decode, defineConfig, definePipeline, memoryQuarantine, memorySink, memorySource, validate } from 'millrace'

const bytes = value => Buffer.from(JSON.stringify(value))
const schema = { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] }

// A few records that end; every tenth is no good.
const few = (name, count = 100) => definePipeline({
  name,
  source: memorySource(Array.from({ length: count }, (_, id) => bytes({ id: id % 10 === 9 ? 'bad' : id }))),
  steps: records => records.pipe(decode('json'), validate(schema)),
  sink: memorySink(),
  onFailure: memoryQuarantine(),
})

// Records without end, one every 5 ms, each written 50 ms after it came; or never.
const endless = (name, { write = 50, limits } = {}) => definePipeline({
  name,
  source: {
    name: 'ticks',
    commits: 'prefix',
    async open() {
      let position = 0
      return {
        async read(limit, signal) {
          await new Promise(resolve => setTimeout(resolve, 5))
          return [{ value: bytes({ id: position }), position: position++ }]
        },
        lag: () => new Map([['0', 1_000_000 - position]]),
      }
    },
  },
  steps: records => records.pipe(decode('json')),
  sink: {
    name: 'slow',
    async open() {
      return { write: () => new Promise(resolve => write === null ? undefined : setTimeout(resolve, write)) }
    },
  },
  onFailure: 'halt',
  limits,
})

// Fails so many ms after each start, as its source says; with 0 it cannot even be opened.
const broken = (name, afterMs) => definePipeline({
  name,
  source: {
    name: 'breaks',
    commits: 'prefix',
    async open() {
      if (afterMs === 0) throw new Error('does not open')
      return { read: () => new Promise((_, reject) => setTimeout(() => reject(new Error('breaks')), afterMs)) }
    },
  },
  steps: records => records,
  sink: memorySink(),
  onFailure: 'halt',
})

export default defineConfig({ pipelines: { ${pipelines} }, ${settings} })
`
