import { describe, test } from 'vitest'
import { memoryQuarantine } from '../../../src/stores/quarantine-memory.js'
import { quarantineBehaviours } from '../../../src/testing/quarantine-behaviours.js'

async function prepare() {
  const quarantine = memoryQuarantine()
  return { quarantine: () => quarantine }
}

describe('memoryQuarantine', () => {
  for (const { name, run } of quarantineBehaviours({ prepare })) test(name, run)
})
