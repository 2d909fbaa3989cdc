import { expect, test } from 'vitest'
import { CopyMemory } from '../../../../src/sinks/postgres/copy-memory.js'

test('what a write has ended with, the next one gets', () => {
  const memory = new CopyMemory()
  const first = memory.lease()
  const part = first.take()
  first.end()
  expect(memory.lease().take()).toBe(part)
})

test('two writes under way never have the same memory, and a write without an end keeps its own', () => {
  const memory = new CopyMemory()
  const [one, other] = [memory.lease(), memory.lease()]
  const taken = [one.take(), other.take(), one.take()]
  expect(new Set(taken).size).toBe(3)
  one.end()
  one.end()
  const later = memory.lease()
  expect(taken).toContain(later.take())
  expect(taken).toContain(later.take())
  expect(taken).not.toContain(later.take())
})
