import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { fileQuarantine } from '../../../../src/stores/quarantine-file.js'
import { quarantineBehaviours } from '../../../../src/testing/quarantine-behaviours.js'

async function prepare() {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-quarantine-'))
  return { quarantine: () => fileQuarantine(join(directory, 'q')), close: () => rm(directory, { recursive: true, force: true }) }
}

describe('fileQuarantine', () => {
  for (const { name, run } of quarantineBehaviours({ prepare })) test(name, run)
})
