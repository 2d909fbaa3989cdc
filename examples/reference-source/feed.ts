import { get } from 'node:http'

/** An event of a feed. */
export interface FeedEvent {
  readonly id: number
  readonly key: string | null
  /** Milliseconds since 1970. */
  readonly at: number
  readonly body: Uint8Array
}

/**
 * The events after `after`, at most `limit`: the client of the feed, which knows nothing of records. In src it would be a file of src/drivers.
 *
 * @throws {Error} with `retryable: false` when the feed answers something that asking again cannot mend.
 */
export async function readFeed(url: string, after: number, limit: number, signal: AbortSignal): Promise<readonly FeedEvent[]> {
  const address = new URL(url)
  address.searchParams.set('after', `${after}`)
  address.searchParams.set('limit', `${limit}`)
  const { status, text } = await textAt(address, signal)
  if (status !== 200) throw Object.assign(new Error(`the feed answered ${status}`), { retryable: status >= 500 || status === 429 })
  const { events } = JSON.parse(text) as { events: readonly { id: number; key: string | null; at: number; body: string }[] }
  return events.map(({ id, key, at, body }) => ({ id, key, at, body: Buffer.from(body, 'base64') }))
}

function textAt(address: URL, signal: AbortSignal): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    // A connection a request: a source that is closed leaves none behind.
    const request = get(address, { agent: false, signal }, response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
    })
    request.on('error', reject)
  })
}
