import { closeSync, openSync } from 'node:fs'
import { silentLog } from '../../../src/core/log.js'
import type { SourceContext } from '../../../src/core/source.js'
import { filesSource } from '../../../src/sources/files.js'

// A process with few file descriptors, for files-bad-input.test.ts: `node files-descriptors.js <root>`.
const context: SourceContext = {
  log: silentLog,
  pipeline: 'test',
  source: 'files',
  ledger: false,
  maxRecordBytes: 1_000,
  assigned: async () => ({}),
  advanced() {},
  draining: async () => {},
  revoked() {},
}

/** Takes all descriptors that are left; the result gives them back. */
function takeAll(): () => void {
  const taken: number[] = []
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'))
  } catch {
    return () => {
      for (const descriptor of taken) closeSync(descriptor)
    }
  }
}

async function withoutAny(name: string, doing: () => Promise<unknown>): Promise<void> {
  const giveBack = takeAll()
  const said = await doing().then(
    () => 'worked',
    error => `${error.code}, ${error.retryable ? 'retryable' : 'for good'}`,
  )
  giveBack()
  console.log(`${name}: ${said}`)
}

const source = filesSource({ root: process.argv[2]!, paths: '*', format: 'ndjson' })
await withoutAny('open', () => source.open(context))
const session = await source.open(context)
const read = () => session.read({ records: 10, bytes: 1_000 }, new AbortController().signal)
await withoutAny('read', read)
const values: string[] = []
for (let batch = await read(); batch !== null; batch = await read()) values.push(...batch.map(({ value }) => Buffer.from(value).toString()))
console.log(`records: ${values.join(' ')}`)
await session.close!()
