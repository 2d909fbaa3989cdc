import { AsyncLocalStorage } from 'node:async_hooks'
import { type Context, type ContextManager, context, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api'
import { BasicTracerProvider, InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { traceBatches } from 'millrace/monitoring'
import { memoryQuarantine } from 'millrace/testing'
import { afterEach, describe, expect, test } from 'vitest'
import type { HeaderPair } from '../../../src/core/headers.js'
import type { Sink } from '../../../src/core/sink.js'
import { definePipeline } from '../../../src/runtime/pipeline.js'
import { supervise } from '../../../src/runtime/supervisor.js'
import { away, FedSource, NotingSink, virtualClock } from '../runtime/parts.js'

const store = new AsyncLocalStorage<Context>()
/** What an SDK registers, so that a span is active while it lasts. */
const contexts: ContextManager = {
  active: () => store.getStore() ?? ROOT_CONTEXT,
  with: (active, fn, self, ...args) => store.run(active, () => fn.call(self as never, ...args)),
  bind: (_, target) => target,
  enable() {
    return this
  },
  disable() {
    return this
  },
}

function registered(): () => readonly ReadableSpan[] {
  const exporter = new InMemorySpanExporter()
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))
  context.setGlobalContextManager(contexts)
  return () => exporter.getFinishedSpans()
}

afterEach(() => {
  trace.disable()
  context.disable()
})

const hex = (length: number, n: number) => (n + 1).toString(16).padStart(length, '0')
const traceparent = (n: number) => `00-${hex(32, n)}-${hex(16, n)}-01`

/** Runs a pipeline over one batch of records with these headers. */
async function ran(headers: readonly (readonly HeaderPair[])[], sink: Sink<number> = new NotingSink<number>().sink): Promise<void> {
  const clock = virtualClock()
  const source = new FedSource()
  const pipeline = definePipeline({ name: 'orders', source: source.source, steps: records => records, sink, onFailure: memoryQuarantine() })
  const supervisor = supervise([pipeline], { clock, restart: { maxInARow: 1 } })
  const end = traceBatches(supervisor)
  source.give(...headers.map((pairs, i) => ({ value: i, position: i, bytes: 10, headers: pairs })))
  await clock.advance(10_000)
  await clock.until(supervisor.stop())
  end()
}

describe('a batch that is written', () => {
  test('is a span, with what it was', async () => {
    const spans = registered()
    await ran([[], []])
    expect(spans()).toMatchObject([
      {
        name: 'write noting',
        parentSpanContext: undefined,
        status: { code: SpanStatusCode.UNSET },
        attributes: {
          'millrace.pipeline': 'orders',
          'millrace.sink': 'noting',
          'millrace.batch.records': 2,
          'millrace.batch.bytes': 20,
          'millrace.batch.attempts': 1,
        },
        instrumentationScope: { name: 'millrace' },
        links: [],
      },
    ])
  })

  test('is linked to the traces of its records, each once', async () => {
    const spans = registered()
    await ran([
      [['traceparent', traceparent(1)], ['tracestate', 'vendor=a']], // biome-ignore format: a list
      [['traceparent', traceparent(2).replace(/01$/, '00')]],
      [['other', 'x']],
      [['traceparent', traceparent(1)], ['tracestate', 'vendor=a']], // biome-ignore format: a list
    ])
    const [span] = spans()
    expect(span!.links.map(({ context }) => context)).toMatchObject([
      { traceId: hex(32, 1), spanId: hex(16, 1), traceFlags: 1, isRemote: true },
      { traceId: hex(32, 2), spanId: hex(16, 2), traceFlags: 0, isRemote: true },
    ])
    expect(span!.links[0]!.context.traceState?.get('vendor')).toBe('a')
  })

  test('has 32 links at most', async () => {
    const spans = registered()
    await ran(Array.from({ length: 100 }, (_, i) => [['traceparent', traceparent(i)] as const]))
    expect(spans().map(({ links }) => links.length)).toEqual([32])
  })

  test.each([
    ['empty', ''],
    ['no trace', 'hello'],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${hex(16, 1)}-01`],
    ['a span of zeros', `00-${hex(32, 1)}-${'0'.repeat(16)}-01`],
    ['the version that is not allowed', traceparent(1).replace(/^00/, 'ff')],
    ['upper case', traceparent(10).toUpperCase()],
    ['too short', traceparent(1).slice(0, -1)],
    ['long', 'x'.repeat(100_000)],
  ])('is not linked to a header that is %s', async (_, given) => {
    const spans = registered()
    await ran([[['traceparent', given]]])
    expect(spans().map(({ links }) => links)).toEqual([[]])
  })

  test('is linked to a header of a later version', async () => {
    const spans = registered()
    await ran([[['traceparent', `${traceparent(1).replace(/^00/, '01')}-more`]]])
    expect(spans()[0]!.links).toHaveLength(1)
  })

  test('has what its sink does as children', async () => {
    const spans = registered()
    const noting = new NotingSink<number>()
    noting.onWrite = async () => trace.getTracer('driver').startSpan('insert').end()
    await ran([[]], noting.sink)
    const [child, batch] = spans()
    expect(child!.name).toBe('insert')
    expect(child!.parentSpanContext?.spanId).toBe(batch!.spanContext().spanId)
  })

  test('tells how often it was tried', async () => {
    const spans = registered()
    const noting = new NotingSink<number>()
    let failures = 0
    noting.onWrite = async () => {
      if (++failures < 3) throw away()
    }
    await ran([[]], noting.sink)
    expect(spans()).toMatchObject([{ attributes: { 'millrace.batch.attempts': 3 }, status: { code: SpanStatusCode.UNSET } }])
  })

  test('is a span with an error when it was given up', async () => {
    const spans = registered()
    const noting = new NotingSink<number>()
    noting.onWrite = async () => {
      throw new Error('for good')
    }
    await ran([[]], noting.sink)
    expect(spans()).toMatchObject([{ status: { code: SpanStatusCode.ERROR } }])
  })
})

describe('without an SDK', () => {
  test('nothing is made, and no header is looked at', async () => {
    let looked = 0
    const pair: HeaderPair = ['traceparent', traceparent(1)]
    const headers = new Proxy([pair], {
      get(target, member, receiver) {
        looked++
        return Reflect.get(target, member, receiver)
      },
    })
    await ran([headers])
    expect(looked).toBe(0)
    const spans = registered()
    await ran([headers])
    expect(looked).toBeGreaterThan(0)
    expect(spans()).toHaveLength(1)
  })
})
