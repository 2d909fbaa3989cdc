import { isMillraceError } from '../../../src/core/errors.js'
import { filePositions } from '../../../src/stores/positions-file.js'

// A process for positions-file.test.ts to kill: `node positions-writer.js <directory> <partitions>`.
const [, , directory, partitions] = process.argv
const session = await filePositions(directory!).open({ pipeline: 'test' })
const before = (await session.read('files', 'part-0'))?.next ?? 0
// Each process begins at a new thousand, so that its own lines can be told.
for (let next = Math.floor(before / 1_000) * 1_000 + 1_001; ; next++) {
  try {
    await session.write(
      Array.from({ length: Number(partitions) }, (_, i) => ({ source: 'files', partition: `part-${i}`, next, mark: null })),
    )
    console.log(`durable ${next}`)
  } catch (error) {
    console.log(isMillraceError(error) ? `failed ${error.code} ${error.retryable} ${error.message}` : `failed ${error}`)
    break
  }
}
