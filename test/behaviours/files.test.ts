import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { positionsBehaviours, type SourceRecord, sourceBehaviours } from 'millrace/testing'
import { describe, test } from 'vitest'
import { type FileFormat, type FilesSourceOptions, filePositions, filesSource, memoryPositions } from '../../src/index.js'

const json = (n: number) => Buffer.from(JSON.stringify({ id: n, name: `line ${n} ü`, nested: [{ '"]}': n }] }))
const row = (n: number) => Buffer.from(`id,name\n${n},"a ""quoted"" cell\nof two lines"`)

/** How the records of one file are written. */
const contents: Record<FileFormat, (values: readonly Uint8Array[]) => Buffer> = {
  ndjson: values => Buffer.from(values.map(value => `${value}\r\n\n`).join('')),
  json: values => Buffer.from(`[${values.join(',\n')}]\n`),
  csv: values => Buffer.from(['id,name', ...values.map(value => Buffer.from(value).toString().slice('id,name\n'.length))].join('\r\n')),
}

describe.each([
  ['ndjson', json, false],
  ['json', json, false],
  ['csv', row, false],
  ['ndjson', json, true],
  ['csv', row, true],
] as const)('filesSource, %s', (format, value, isGzip) => {
  const options = {
    async prepare(records: readonly SourceRecord<Uint8Array>[]) {
      const root = await mkdtemp(join(tmpdir(), 'millrace-'))
      for (const partition of new Set(records.map(record => record.partition))) {
        const texts = records.filter(record => record.partition === partition).map(record => Buffer.from(record.value).toString())
        const content = contents[format](texts.map(text => Buffer.from(text)))
        await writeFile(join(root, `${partition}.${format}`), isGzip ? gzipSync(content) : content)
      }
      if (records.length === 0) await writeFile(join(root, `0.${format}`), '')
      const given: FilesSourceOptions = { root, paths: '*', format, positions: filePositions(join(root, 'positions')) }
      return { source: () => filesSource(given), close: () => rm(root, { recursive: true }) }
    },
    value,
    partitions: 3,
  }
  for (const { name, run } of sourceBehaviours(options)) test(`${isGzip ? 'gzip: ' : ''}${name}`, run)
})

describe('filePositions', () => {
  const options = {
    async prepare() {
      const directory = await mkdtemp(join(tmpdir(), 'millrace-'))
      return { positions: () => filePositions(join(directory, 'deep', 'positions')), close: () => rm(directory, { recursive: true }) }
    },
  }
  for (const { name, run } of positionsBehaviours(options)) test(name, run)
})

describe('memoryPositions', () => {
  const options = {
    async prepare() {
      const positions = memoryPositions()
      return { positions: () => positions }
    },
  }
  for (const { name, run } of positionsBehaviours(options)) test(name, run)
})
