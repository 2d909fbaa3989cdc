import {
  type Attributes,
  context,
  createTraceState,
  isSpanContextValid,
  type Link,
  ROOT_CONTEXT,
  type SpanContext,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { Envelope } from '../core/envelope.js'
import { memberOf } from '../core/member.js'
import { version } from '../core/version.js'
import type { RunObserver, StartedBatch, WrittenBatch } from '../runtime/observer.js'
import type { Supervisor } from '../runtime/supervisor.js'

/**
 * A span of OpenTelemetry for each batch that is written, linked to the traces of its records: up to 32, from their headers `traceparent` and
 * `tracestate`. What the sink does within is a child of it.
 *
 * Nothing is made, and no header is looked at, while no SDK is registered.
 *
 * @returns ends the tracing.
 * @see W3C Trace Context §3.2
 */
export function traceBatches(supervisor: Supervisor): () => void {
  return supervisor.observe(() => observer)
}

const observer: RunObserver = {
  around(batch, write) {
    const tracer = registeredTracer()
    return tracer === undefined ? write() : traced(tracer, batch, write)
  },
}

/** Undefined while no SDK is registered: the API then has only a proxy without a delegate. Asked each time, because an SDK may come later. */
function registeredTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider()
  const getDelegateTracer = memberOf(provider, 'getDelegateTracer')
  if (typeof getDelegateTracer === 'function') return getDelegateTracer.call(provider, 'millrace', version) as Tracer | undefined
  return provider.getTracer('millrace', version)
}

async function traced(tracer: Tracer, batch: StartedBatch, write: () => Promise<WrittenBatch>): Promise<WrittenBatch> {
  const { pipeline, sink, records, bytes } = batch
  const attributes: Attributes = {
    'millrace.pipeline': pipeline,
    'millrace.sink': sink,
    'millrace.batch.records': records.length,
    'millrace.batch.bytes': bytes,
  }
  // A root: what happens to be active here is whatever the source was doing when this batch became full.
  const span = tracer.startSpan(`write ${sink}`, { attributes, links: linksOf(records), root: true }, ROOT_CONTEXT)
  const written = await context.with(trace.setSpan(ROOT_CONTEXT, span), write)
  span.setAttribute('millrace.batch.attempts', written.attempts)
  if (!written.isWritten) span.setStatus({ code: SpanStatusCode.ERROR, message: 'the run ended before the batch was written' })
  span.end()
  return written
}

const MAX_LINKS = 32

/** The traces that the records belong to, each once. */
function linksOf(records: readonly Envelope<unknown>[]): Link[] {
  const links = new Map<string, Link>()
  for (const record of records) {
    const { headers } = record
    const traceparent = headers.text('traceparent')
    if (traceparent === undefined || links.has(traceparent)) continue
    const parent = spanContextOf(traceparent)
    if (parent === undefined) continue
    const tracestate = headers.text('tracestate')
    links.set(traceparent, { context: tracestate === undefined ? parent : { ...parent, traceState: createTraceState(tracestate) } })
    if (links.size === MAX_LINKS) break
  }
  return [...links.values()]
}

/** `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01`; later versions may have more behind it. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:-.*)?$/

function spanContextOf(traceparent: string): SpanContext | undefined {
  const found = TRACEPARENT.exec(traceparent)
  if (found === null) return undefined
  const [, traceId, spanId, flags] = found as unknown as [string, string, string, string]
  const parent: SpanContext = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true }
  return isSpanContextValid(parent) ? parent : undefined
}
