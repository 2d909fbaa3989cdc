import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isNestedDeeper } from '../../../src/formats/json-depth.js'

const depthOf = (value: unknown): number =>
  typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0

describe('isNestedDeeper', () => {
  it('agrees with a walk over the value', () => {
    const text = fc.constantFrom('', '[', '{"', '"]', '\\', '}{')
    fc.assert(
      fc.property(
        fc.anything({ values: [text, fc.integer(), fc.constant(null)], maxDepth: 6, withNullPrototype: false }),
        fc.nat(7),
        (value, max) => {
          const json = JSON.stringify(value) ?? 'null'
          expect(isNestedDeeper(json, max)).toBe(depthOf(JSON.parse(json)) > max)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('counts depth, not brackets', () => {
    expect(isNestedDeeper(`[${'[],'.repeat(5000)}[]]`, 2)).toBe(false)
    expect(isNestedDeeper(JSON.stringify('['.repeat(5000)), 2)).toBe(false)
  })
})
