import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Arrival, type Receiver, Root } from '../../../src/core/receipt.js'
import { Window } from '../../../src/runtime/window.js'

const arrivalAt = (receivedAt: number) => new Arrival({} as Receiver, { isRevoked: false }, 's', '0', receivedAt)
const rootOf = (arrival: Arrival, position: number, bytes = 1) => new Root(arrival, { value: null, position }, bytes)

describe('the window', () => {
  test('is full at its parts or at its bytes', () => {
    const window = new Window(2, 10)
    const roots = [rootOf(arrivalAt(0), 0, 9), rootOf(arrivalAt(0), 1, 1)]
    window.add(roots[0]!)
    expect(window.isFull).toBe(false)
    window.add(roots[1]!)
    expect([window.isFull, window.parts, window.bytes]).toEqual([true, 2, 10])
    window.remove(roots[0]!)
    window.shrink(1)
    expect([window.isFull, window.parts, window.bytes]).toEqual([false, 1, 1])
  })

  test('wakes who waits for room once there is some', async () => {
    const window = new Window(1, 10)
    const root = rootOf(arrivalAt(0), 0)
    window.add(root)
    let isAwake = false
    const waiting = window.room()!.then(() => {
      isAwake = true
    })
    window.wake()
    await Promise.resolve()
    expect(isAwake).toBe(false)
    window.remove(root)
    window.shrink(1)
    window.wake()
    await waiting
    expect(isAwake).toBe(true)
  })

  test('keeps few arrivals while one record stays behind ten thousand others', () => {
    const window = new Window(10, 10)
    const straggler = rootOf(arrivalAt(0), 0)
    window.add(straggler)
    for (let n = 1; n <= 10_000; n++) {
      const root = rootOf(arrivalAt(n), n)
      window.add(root)
      window.remove(root)
    }
    expect(window.oldest).toBe(straggler)
    expect((window as unknown as { arrivals: unknown[] }).arrivals.length).toBeLessThan(200)
  })

  test('knows the oldest, whatever settles in whatever order, as a plain list does', () => {
    const step = fc.record({ arrival: fc.nat({ max: 80 }), settles: fc.nat() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), steps => {
        const window = new Window(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
        const model: Root[] = []
        let arrival = arrivalAt(0)
        for (const [position, { arrival: newer, settles }] of steps.entries()) {
          if (newer % 3 > 0) arrival = arrivalAt(arrival.receivedAt + 1)
          const root = rootOf(arrival, position)
          window.add(root)
          model.push(root)
          while (newer > 40 && model.length > settles % 7) window.remove(model.splice(settles % model.length, 1)[0]!)
          expect(window.oldest).toBe(model[0] ?? null)
          expect(window.bytes).toBe(model.length)
        }
      }),
    )
  })
})
