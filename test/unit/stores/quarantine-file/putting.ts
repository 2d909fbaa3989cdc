// A process that puts entries of some 20 KB for as long as it lives, three at a time, and says on stdout which are durable: the other half of
// kills.test.ts. Every third put repeats positions that are there.
import { fileQuarantine } from '../../../../src/stores/quarantine-file.js'
import { failureAt } from '../../../harness/failures.js'

const [, , directory, limit = '1000000'] = process.argv
const session = await fileQuarantine(directory!).open({ pipeline: 'kill' })
const isRepeated = (put: number): boolean => put % 3 === 2
try {
  for (let put = 0; put < Number(limit); put++) {
    const positions = [0, 1, 2].map(i => (isRepeated(put) ? put - 1 : put) * 3 + i)
    await session.put(positions.map(position => failureAt(position, `${position} `.repeat(4_000), { stage: `${put}` })))
    process.stdout.write(`${positions.join(' ')}\n`)
  }
} catch (error) {
  const { code, message } = error as { code?: string; message: string }
  process.stdout.write(`${code}: ${message}\n`)
}
