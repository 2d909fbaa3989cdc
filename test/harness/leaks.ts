import { createHook } from 'node:async_hooks'
import { readdirSync, readlinkSync } from 'node:fs'
import { afterEach, beforeEach } from 'vitest'
import { liveTimers } from './live-timers.js'

// Fails each test that leaves something behind: a timer, a socket, a server, a child process, an open file. `MILLRACE_LEAKS=trace` says where
// sockets and processes were made too (it slows everything down: Node then tracks every promise).

/** What the tests answer for. The rest of Node's list is its own short-lived work, vitest's channel to its parent, or timers, which are counted apart. */
const ours = new Set(['TCPSocketWrap', 'TCPServerWrap', 'ProcessWrap', 'FSEventWrap', 'UDPWrap', 'Worker'])

/** Closing takes a few turns of the event loop: a socket's last packet, a child's exit. */
const GRACE_MS = 2_000

let held: ReadonlyMap<string, number> = new Map()
let timers: ReadonlySet<object> = new Set()
const traces = process.env['MILLRACE_LEAKS'] === 'trace' ? traceResources() : null
// Taken before a test can fake it.
const { setImmediate } = globalThis

beforeEach(() => {
  held = resources()
  timers = new Set(liveTimers().keys())
})

afterEach(async () => {
  // What a test has only begun to open (a server looks its host up first) is there some turns later.
  for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
  const deadline = performance.now() + GRACE_MS
  let left = leftBehind()
  while (left.length > 0 && performance.now() < deadline) {
    await new Promise(resolve => setImmediate(resolve))
    left = leftBehind()
  }
  if (left.length > 0) throw new Error(`the test left behind: ${left.join('\n')}${traces ? `\n${[...traces.values()].join('\n\n')}` : ''}`)
})

/** What is held now and was not held before the test. */
function leftBehind(): string[] {
  const left: string[] = []
  for (const [timer, made] of liveTimers()) if (!timers.has(timer)) left.push(`a timer ${made()}`)
  for (const [what, count] of resources()) {
    const more = count - (held.get(what) ?? 0)
    if (more > 0) left.push(more === 1 ? what : `${more} × ${what}`)
  }
  return left
}

function resources(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const type of process.getActiveResourcesInfo()) if (ours.has(type)) counts.set(type, (counts.get(type) ?? 0) + 1)
  for (const file of openFiles()) counts.set(file, (counts.get(file) ?? 0) + 1)
  return counts
}

/** Linux only: Node does not count open files among its active resources. */
function openFiles(): string[] {
  let descriptors: string[]
  try {
    descriptors = readdirSync('/proc/self/fd')
  } catch {
    return []
  }
  return descriptors.flatMap(descriptor => {
    try {
      const target = readlinkSync(`/proc/self/fd/${descriptor}`)
      const isFile =
        target.startsWith('/') && !target.startsWith('/dev/') && !target.startsWith('/proc/') && !target.includes('/node_modules/')
      return isFile ? [`open file ${target}`] : []
    } catch {
      return []
    }
  })
}

function traceResources(): Map<number, string> {
  const made = new Map<number, string>()
  createHook({
    init(id, type) {
      if (ours.has(type) || type === 'TCPWRAP' || type === 'PROCESSWRAP')
        made.set(id, `${type} ${new Error('made here').stack?.split('\n').slice(2, 14).join('\n')}`)
    },
    destroy: id => made.delete(id),
  }).enable()
  return made
}
