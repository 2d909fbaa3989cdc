import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { memoryPositions } from 'millrace'
import { type SourceRecord, sourceBehaviours } from 'millrace/testing'
import { describe, test } from 'vitest'
import { feedSource } from '../../examples/reference-source/feed-source.js'

/** A feed as the source reads it, over real HTTP. */
async function feedOf(records: readonly SourceRecord<Uint8Array>[]) {
  const events: object[] = []
  const add = async (more: readonly SourceRecord<Uint8Array>[]) => {
    for (const { value, key } of more) {
      // Ids grow, and not by one: as they do where events are deleted.
      events.push({ id: events.length * 3 + 2, key, at: 1_700_000_000_000, body: Buffer.from(value).toString('base64') })
    }
  }
  await add(records)
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url!, 'http://feed')
    const after = Number(searchParams.get('after'))
    const found = events.filter(event => (event as { id: number }).id > after).slice(0, Number(searchParams.get('limit')))
    response.setHeader('connection', 'close').end(JSON.stringify({ events: found }))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return { url, add, close: () => new Promise<void>(resolve => server.close(() => resolve())) }
}

describe.each([true, false])('the reference source, once %s', once => {
  const options = {
    async prepare(records: readonly SourceRecord<Uint8Array>[]) {
      const { url, add, close } = await feedOf(records)
      const positions = memoryPositions()
      return { source: () => feedSource({ url, once, positions, pollMs: 20 }), add, close }
    },
    value: (n: number) => Uint8Array.of(0, 255, n >> 8, n & 255),
    keys: true,
    endless: !once,
  }
  for (const { name, run } of sourceBehaviours(options)) test(name, run)
})
