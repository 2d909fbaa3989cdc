import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { serveMonitoring } from 'millrace/monitoring'
import { memoryQuarantine, memorySource } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { errorClassOf } from '../../../src/core/error-class.js'
import type { Sink } from '../../../src/core/sink.js'
import type { Source } from '../../../src/core/source.js'
import { definePipeline, type Pipeline } from '../../../src/runtime/pipeline.js'
import { type SupervisorOptions, supervise } from '../../../src/runtime/supervisor.js'
import { parseMetrics, valueOf } from '../../harness/prometheus-text.js'
import { away, FedSource, NotingSink, numbered, virtualClock } from '../runtime/parts.js'

const pipeline = (name: string, source: Source<number>, sink: Sink<number> = new NotingSink<number>().sink): Pipeline =>
  definePipeline({ name, source, steps: records => records, sink, onFailure: memoryQuarantine() })

const failing = (error: () => unknown): Sink<number> => {
  const noting = new NotingSink<number>()
  noting.onWrite = async () => {
    const failure = error()
    if (failure !== undefined) throw failure
  }
  return noting.sink
}

async function served(pipelines: readonly Pipeline[], options: SupervisorOptions = {}) {
  const clock = virtualClock()
  const supervisor = supervise(pipelines, { clock, ...options })
  const monitoring = await serveMonitoring(supervisor, { port: 0 })
  const get = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`${monitoring.url}${path}`, { ...init, headers: { connection: 'close' } })
    return { status: response.status, type: response.headers.get('content-type'), body: await response.text() }
  }
  const ready = async () => {
    const { status, body } = await get('/readyz')
    return { status, pipelines: body.trimEnd().split('\n').map(line => JSON.parse(line) as Record<string, unknown>) } // biome-ignore format: one line
  }
  const end = async () => {
    await clock.until(supervisor.stop())
    await monitoring.close()
  }
  return { clock, supervisor, monitoring, get, ready, end }
}

describe('/readyz', () => {
  test('says 200 while all run, and a line of each', async () => {
    const { clock, ready, end } = await served([pipeline('a', new FedSource().source), pipeline('b', new FedSource().source)])
    await clock.advance(10)
    const { status, pipelines } = await ready()
    expect(status).toBe(200)
    expect(pipelines).toEqual([
      { pipeline: 'a', state: 'running', ready: true, since: '2026-01-01T00:00:00.000Z', restarts: 0 },
      { pipeline: 'b', state: 'running', ready: true, since: '2026-01-01T00:00:00.000Z', restarts: 0 },
    ])
    await end()
  })

  test('says 503 with each that waits, failed or starts, and for what; no message of an error', async () => {
    const [away1, broken] = [new FedSource(), new FedSource()]
    const { clock, ready, end } = await served([
      pipeline('away', away1.source, failing(() => away('secret'))), // biome-ignore format: a list
      pipeline('broken', broken.source, failing(() => new Error('value 7'))), // biome-ignore format: a list
      pipeline('failed', memorySource([1]), { ...new NotingSink<number>().sink, open: () => Promise.reject(new Error('no')) }),
      pipeline('healthy', new FedSource().source),
    ])
    away1.give(...numbered(0, 1))
    broken.give(...numbered(0, 1))
    await clock.advance(20_000)
    broken.give(...numbered(0, 1))
    await clock.advance(1)
    const { status, pipelines } = await ready()
    expect(status).toBe(503)
    expect(pipelines).toMatchObject([
      { pipeline: 'away', state: 'waiting', ready: false, waitingFor: 'infrastructure' },
      { pipeline: 'broken', state: 'waiting', ready: false, waitingFor: 'restart', error: 'MILL_SINK_FAILED' },
      { pipeline: 'failed', state: 'failed', ready: false, error: 'MILL_SINK_FAILED', restarts: 2 },
      { pipeline: 'healthy', state: 'running', ready: true },
    ])
    expect(JSON.stringify(pipelines)).not.toMatch(/secret|value 7/)
    await end()
  })

  test('counts one that has ended well as ready', async () => {
    const { clock, supervisor, ready, end } = await served([pipeline('job', memorySource([1]))])
    await clock.until(supervisor.finished)
    expect(await ready()).toMatchObject({ status: 200, pipelines: [{ state: 'stopped', ready: true }] })
    await end()
  })
})

describe('the server', () => {
  test('answers /healthz, /metrics, / and nothing else', async () => {
    const { clock, get, end } = await served([pipeline('a', new FedSource().source)])
    await clock.advance(10)
    expect(await get('/healthz')).toMatchObject({ status: 200, body: 'ok\n' })
    const metrics = await get('/metrics?debug')
    expect(metrics).toMatchObject({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8' })
    expect(valueOf(parseMetrics(metrics.body), 'millrace_state', { pipeline: 'a', state: 'running' })).toBe(1)
    expect(await get('/')).toMatchObject({ status: 200, body: expect.stringContaining('/readyz') })
    expect(await get('/../etc/passwd')).toMatchObject({ status: 404 })
    expect(await get('/metrics', { method: 'POST', body: 'x' })).toMatchObject({ status: 405 })
    expect(await get('/healthz', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
    await end()
  })

  test('listens on this machine alone', async () => {
    const { monitoring, end } = await served([])
    expect(monitoring.url).toBe(`http://127.0.0.1:${monitoring.port}`)
    await end()
  })

  test('says of a port that is taken what it is, and what to do', async () => {
    const other = createServer()
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    const supervisor = supervise([], { clock: virtualClock() })
    const error = await serveMonitoring(supervisor, { port }).catch(error => error)
    expect(error).toMatchObject({ code: 'MILL_PORT_UNAVAILABLE', cause: { code: 'EADDRINUSE' } })
    expect(error.message).toBe(
      `monitoring cannot listen on 127.0.0.1, port ${port}: another process listens there; stop it, or take another port`,
    )
    expect(errorClassOf(error)).toBe('locked')
    await new Promise(resolve => other.close(resolve))
  })

  test('refuses a host that is not here, and wrong options', async () => {
    const supervisor = supervise([], { clock: virtualClock() })
    await expect(serveMonitoring(supervisor, { host: '192.0.2.1', port: 0 })).rejects.toMatchObject({ code: 'MILL_PORT_UNAVAILABLE' })
    await expect(serveMonitoring(supervisor, { port: 70_000 })).rejects.toMatchObject({ code: 'MILL_OPTION_INVALID' })
    await expect(serveMonitoring(supervisor, { prot: 1 } as never)).rejects.toThrow(/did you mean port/)
  })

  test('closes although clients keep their connections, and one has asked half a question', async () => {
    const { monitoring, end } = await served([])
    const sockets = await Promise.all([1, 2, 3].map(() => connected(monitoring.port)))
    const [, asked, half] = sockets
    asked!.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')
    await new Promise(resolve => asked!.once('data', resolve))
    half!.write('GET /heal')
    const closed = Promise.all(sockets.map(socket => new Promise(resolve => socket.once('close', resolve))))
    const before = performance.now()
    await end()
    expect(performance.now() - before).toBeLessThan(2_500)
    await closed
  })

  test('can be closed twice', async () => {
    const { monitoring, end } = await served([])
    await end()
    await monitoring.close()
  })
})

function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket))
    socket.on('error', reject)
  })
}
