import { mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sinkBehaviours } from 'millrace/testing'
import { describe, test } from 'vitest'
import { journalSink } from '../../examples/reference-sink/journal-sink.js'

interface Row {
  readonly id: number | bigint
  readonly text: string
}

describe('the reference sink', () => {
  const options = {
    async prepare() {
      const parent = await mkdtemp(join(tmpdir(), 'millrace-'))
      const directory = join(parent, 'journal')
      return {
        sink: () => journalSink<Row>({ directory }),
        async rows() {
          const text = await readFile(join(directory, 'journal.ndjson'), 'utf8').catch(() => '')
          return text.split('\n').flatMap(line => (line === '' ? [] : [JSON.parse(line) as Row]))
        },
        async away() {
          await rename(directory, `${directory} elsewhere`)
          return () => rename(`${directory} elsewhere`, directory)
        },
        close: () => rm(parent, { recursive: true }),
      }
    },
    row: (n: number): Row => ({ id: n, text: `line ${n}\nü` }),
    bad: (n: number): Row => ({ id: BigInt(n), text: 'JSON has no such number' }),
    goesAway: true,
  }
  for (const { name, run } of sinkBehaviours(options)) test(name, run)
})
