import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryQuarantine } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import type { Failure, Quarantine } from '../../../src/core/quarantine.js'
import { fileQuarantine } from '../../../src/stores/quarantine-file.js'
import { postgresQuarantine } from '../../../src/stores/quarantine-postgres.js'
import { onEmbedded } from '../../harness/embedded.js'

const failure = (position: number): Failure => ({
  origin: { source: 's', partition: '0', position, part: '' },
  stage: 'handle',
  error: new Error('no'),
  attempts: [],
  raw: Uint8Array.of(1),
  rawBytes: 1,
  key: null,
  headers: [],
  timestamp: 0,
})

async function put(quarantine: Quarantine, pipeline: string, failures: readonly Failure[]): Promise<void> {
  const session = await quarantine.open({ pipeline })
  await session.put(failures)
  await session.close?.()
}

/** Counts as `list` would, and no further than asked. */
async function counts(quarantine: Quarantine): Promise<void> {
  expect(await quarantine.count!(10)).toBe(0)
  await put(quarantine, 'a', [failure(1), failure(2), failure(3)])
  await put(quarantine, 'b', [failure(1)])
  // The same record once more is one entry still.
  await put(quarantine, 'a', [failure(2)])
  expect(await quarantine.count!(10)).toBe(4)
  expect(await quarantine.count!(3)).toBe(3)
  const ids: string[] = []
  for await (const { id, pipeline } of quarantine.list()) if (pipeline === 'a') ids.push(id)
  await quarantine.release(ids)
  expect(await quarantine.count!(10)).toBe(1)
}

describe('a quarantine counts its entries', () => {
  test('in memory', () => counts(memoryQuarantine()))

  test('in files', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-count-'))
    await counts(fileQuarantine(join(directory, 'not-there-yet')))
    await rm(directory, { recursive: true })
  })

  test('in Postgres', () => onEmbedded(database => counts(postgresQuarantine(database))), 60_000)
})
