import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ring } from '../../../src/operators/ring.js'

describe('Ring', () => {
  it('does as an array does that is pushed and shifted', () => {
    const steps = fc.array(fc.oneof(fc.integer(), fc.constant('shift' as const)), { maxLength: 200 })
    fc.assert(
      fc.property(steps, given => {
        const ring = new Ring<number>(2)
        const array: number[] = []
        for (const step of given) {
          if (step === 'shift') expect(ring.shift()).toBe(array.shift())
          else {
            ring.push(step)
            array.push(step)
          }
          expect(ring.size).toBe(array.length)
          expect(ring.peek()).toBe(array[0])
        }
      }),
    )
  })

  it('lets go of what was taken out', () => {
    const ring = new Ring<object>(2)
    ring.push({})
    ring.shift()
    expect(ring['slots']).toEqual([undefined, undefined])
  })
})
