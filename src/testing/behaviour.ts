import assert from 'node:assert/strict'
import { delay, systemClock } from '../core/clock.js'

/**
 * One thing that a part must do, as a sentence, and the test of it. Knows no test framework:
 *
 * ```ts
 * for (const { name, run } of sinkBehaviours(options)) test(name, run)
 * ```
 *
 * docs/components.md states the MUST behind each name.
 */
export interface Behaviour {
  readonly name: string
  /** Rejects with an AssertionError where the part does otherwise. */
  readonly run: () => Promise<void>
}

/** What a suite works on: made anew for each behaviour, and closed after it. */
export interface World {
  readonly close?: () => Promise<void>
}

/** A behaviour on a world of its own, which is closed whatever happens. */
export function behaviourOn<W extends World>(prepare: () => Promise<W>, name: string, test: (world: W) => Promise<void>): Behaviour {
  return {
    name,
    async run() {
      const world = await prepare()
      try {
        await test(world)
      } finally {
        await world.close?.()
      }
    },
  }
}

/** Opens, uses, and closes a session whatever happens. */
export async function withSession<S extends { readonly close?: () => Promise<void> }, R>(
  opened: Promise<S>,
  use: (session: S) => Promise<R>,
): Promise<R> {
  const session = await opened
  try {
    return await use(session)
  } finally {
    await session.close?.()
  }
}

/** What `promise` gives, or an AssertionError when it takes longer. Real time: the parts under test may talk to real servers. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  const timer = new AbortController()
  const late = delay(systemClock, ms, timer.signal).then(
    () => assert.fail(`${what} took longer than ${ms} ms`),
    () => undefined as never,
  )
  try {
    return await Promise.race([promise, late])
  } finally {
    timer.abort()
  }
}

/** The error that `promise` rejects with; an AssertionError when it resolves. */
export async function rejection(promise: Promise<unknown>, what: string): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  return assert.fail(`${what} should have been refused`)
}
