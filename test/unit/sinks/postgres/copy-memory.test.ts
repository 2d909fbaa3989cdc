import { expect, test } from 'vitest'
import { CopyMemory } from '../../../../src/sinks/postgres/copy-memory.js'
import { PART_BYTES } from '../../../../src/tables/row-shape.js'

test('what a write has ended with, the next one gets', () => {
  const memory = new CopyMemory()
  const first = memory.lease()
  const part = first.take(PART_BYTES)
  first.end()
  expect(memory.lease().take(10)).toBe(part)
})

test('two writes under way never have the same memory, and a write without an end keeps its own', () => {
  const memory = new CopyMemory()
  const [one, other] = [memory.lease(), memory.lease()]
  const taken = [one.take(PART_BYTES), other.take(PART_BYTES), one.take(PART_BYTES)]
  expect(new Set(taken).size).toBe(3)
  one.end()
  one.end()
  const later = memory.lease()
  expect(taken).toContain(later.take(PART_BYTES))
  expect(taken).toContain(later.take(PART_BYTES))
  expect(taken).not.toContain(later.take(PART_BYTES))
})

test('a part larger than all others is given, and not kept', () => {
  const memory = new CopyMemory()
  const lease = memory.lease()
  const large = lease.take(PART_BYTES + 1)
  expect(large.length).toBe(PART_BYTES + 1)
  lease.end()
  expect(memory.lease().take(PART_BYTES + 1)).not.toBe(large)
})
