import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemClock } from '../core/clock.js'
import { errorText } from '../core/error-report.js'
import { MillraceError } from '../core/errors.js'
import { type Logger, silentLog } from '../core/log.js'
import { memberOf } from '../core/member.js'
import { option, resolveOptions } from '../core/options.js'
import type { Supervisor } from '../runtime/supervisor.js'
import { type Metrics, metricsOf } from './metrics.js'
import { readinessOf } from './readiness.js'

/** Options of {@link serveMonitoring}. */
export interface MonitoringOptions {
  /** Where to listen. Default `127.0.0.1`: only this machine. In a container `0.0.0.0`; what is answered needs no password, so let no stranger ask. */
  readonly host?: string
  /** Default 9464, as OpenTelemetry's exporter for Prometheus. 0: any that is free. */
  readonly port?: number
  /** Default: silent. */
  readonly log?: Logger
}

/** A server that tells how a supervisor's pipelines are. */
export interface MonitoringServer {
  /** `http://127.0.0.1:9464` */
  readonly url: string
  readonly port: number
  readonly metrics: Metrics
  /** Answers what was asked and ends, also where a client keeps its connection. */
  close(): Promise<void>
}

/**
 * Tells over HTTP how a supervisor's pipelines are: `/healthz` (the process answers), `/readyz` (a line of JSON a pipeline; 503 when one does not
 * run), `/metrics` (Prometheus).
 *
 * Call it in the turn in which the supervisor was made: batches before it are not in the histograms.
 *
 * @throws {MillraceError} `MILL_OPTION_INVALID`, `MILL_OPTION_UNKNOWN`; `MILL_PORT_UNAVAILABLE` when it cannot listen there.
 */
export async function serveMonitoring(supervisor: Supervisor, options: MonitoringOptions = {}): Promise<MonitoringServer> {
  const { host, port, log } = resolveOptions<Required<MonitoringOptions>>('serveMonitoring', options, {
    host: option.text({ default: '127.0.0.1' }),
    port: option.matching('a port, 0 to 65535', value => Number.isInteger(value) && (value as number) >= 0 && (value as number) < 65_536, {
      default: 9464,
    }),
    log: option.object('a logger', { default: silentLog }),
  })
  const metrics = metricsOf(supervisor)
  const server = createServer((request, response) => {
    answer(request, response, supervisor, metrics).catch(error => {
      log.warn('monitoring could not answer', { url: request.url, error: errorText(error) })
      if (!response.headersSent) reply(response, 500, 'the metrics could not be made\n')
    })
  })
  try {
    await listen(server, host, port)
  } catch (error) {
    metrics.close()
    throw error
  }
  const address = server.address() as AddressInfo
  const url = `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`
  log.info('monitoring', { url })
  return { url, port: address.port, metrics, close: () => close(server, metrics) }
}

async function answer(request: IncomingMessage, response: ServerResponse, supervisor: Supervisor, metrics: Metrics): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    return reply(response, 405, 'only GET and HEAD\n')
  }
  const [path] = (request.url ?? '').split('?', 1)
  if (path === '/healthz') return reply(response, 200, 'ok\n')
  if (path === '/readyz') {
    const pipelines = supervisor.snapshot().map(readinessOf)
    const lines = pipelines.map(readiness => `${JSON.stringify(readiness)}\n`).join('')
    return reply(response, pipelines.every(({ ready }) => ready) ? 200 : 503, lines, 'application/x-ndjson; charset=utf-8')
  }
  if (path === '/metrics') return reply(response, 200, await metrics.text(), metrics.contentType)
  reply(response, path === '/' ? 200 : 404, 'there are /healthz, /readyz and /metrics\n')
}

function reply(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), 'cache-control': 'no-store' })
  response.end(response.req.method === 'HEAD' ? undefined : body)
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const refused = (cause: Error) => {
      const reason = reasons[String(memberOf(cause, 'code'))] ?? errorText(cause)
      reject(new MillraceError('MILL_PORT_UNAVAILABLE', { for: 'monitoring', host, port, reason }, { cause }))
    }
    server.once('error', refused)
    server.listen(port, host, () => {
      server.removeListener('error', refused)
      resolve()
    })
  })
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there; stop it, or take another port',
  EACCES: 'the right is missing; take a port from 1024 up',
  EADDRNOTAVAIL: 'this machine has no such address; take 127.0.0.1 or 0.0.0.0',
  ENOTFOUND: 'no such host is known; take 127.0.0.1 or 0.0.0.0',
}

/** An answer under way may end; then connections go that clients keep open. */
async function close(server: Server, metrics: Metrics): Promise<void> {
  metrics.close()
  if (!server.listening) return
  const cancel = systemClock.after(MAX_ANSWER_MS, () => server.closeAllConnections())
  await new Promise<void>(resolve => {
    server.close(() => resolve())
    server.closeIdleConnections()
  })
  cancel()
}

const MAX_ANSWER_MS = 1_000
