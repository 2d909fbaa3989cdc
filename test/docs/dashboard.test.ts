import { definePipeline, MillraceError, type Sink, type Source, supervise } from 'millrace'
import { serveMonitoring } from 'millrace/monitoring'
import { memoryQuarantine, virtualClock } from 'millrace/testing'
import { beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { BatchError } from '../../src/core/sink.js'
import { type MetricsPage, parseMetrics } from '../harness/prometheus-text.js'
import { missingIn, resultLabels } from '../harness/promql.js'
import { fileAt } from '../harness/source-files.js'

interface Target {
  readonly expr: string
  readonly legendFormat: string
  readonly datasource: { readonly uid: string }
}
interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly datasource?: { readonly uid: string }
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly Target[]
}
interface Alert {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: { readonly severity: string }
  readonly annotations: Readonly<Record<string, string>>
}

const dashboard = JSON.parse(fileAt('docs/grafana/millrace.json').text) as {
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string; readonly definition?: string }[] }
}
const alerts = (parse(fileAt('docs/grafana/alerts.yaml').text) as { groups: { rules: Alert[] }[] }).groups.flatMap(({ rules }) => rules)
const operations = fileAt('docs/operations.md').text
const queries = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(target => ({ title, ...target })))

/** As Grafana sends it. */
const filled = (expression: string) => expression.replaceAll('$__rate_interval', '5m').replace(/\$(job|pipeline)\b/g, '.*')

/** What /metrics says of a run in which everything happened that has a metric. */
async function metricsOfARun(): Promise<MetricsPage> {
  const clock = virtualClock()
  const source: Source<number> = {
    name: 'numbers',
    commits: 'prefix',
    open: async () => {
      let given = false
      return {
        async read(_, signal) {
          if (given) return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
          given = true
          return [1, 2, 3].map(value => ({ value, position: value, bytes: 10 }))
        },
        lag: () => new Map([['0', 5]]),
        facts: () => ({ member: 'm', assignment: { orders: [0, 1] }, rebalances: 1, commits: 2, committedAt: 3_000 }),
      }
    },
  }
  let attempts = 0
  const sink: Sink<number> = {
    name: 'sink',
    open: async () => ({
      async write({ records }) {
        if (++attempts === 1) throw new MillraceError('MILL_DATABASE_AWAY', { database: 'd', reason: 'for the metric' })
        const at = records.findIndex(({ value }) => value === 2)
        if (at >= 0) throw new BatchError(new Map([[at, new MillraceError('MILL_JOIN_EMPTY', {})]]))
      },
    }),
  }
  const pipeline = definePipeline({ name: 'orders', source, steps: records => records, sink, onFailure: memoryQuarantine() })
  const supervisor = supervise([pipeline], { clock })
  const monitoring = await serveMonitoring(supervisor, { port: 0 })
  await clock.advance(10_000)
  const page = parseMetrics(await (await fetch(`${monitoring.url}/metrics`, { headers: { connection: 'close' } })).text())
  await clock.until(supervisor.stop())
  await monitoring.close()
  return page
}

let page: MetricsPage
beforeAll(async () => {
  page = await metricsOfARun()
})

describe('the Grafana dashboard', () => {
  test.each(queries.map(({ title, expr, legendFormat }) => [title, legendFormat, expr] as const))(
    '%s (%s) asks for what is there',
    (_, legend, expr) => {
      expect(missingIn(page, filled(expr))).toEqual([])
      const labels = resultLabels(page, filled(expr))
      expect([...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!).filter(label => !labels.has(label))).toEqual([])
    },
  )

  test('fills its variables with what is there', () => {
    const asked = dashboard.templating.list.filter(({ type }) => type === 'query')
    for (const { definition } of asked) {
      const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(definition!)!
      expect(missingIn(page, `count by (${label}) (${filled(selector!)})`)).toEqual([])
    }
    expect(dashboard.templating.list.map(({ name }) => name)).toEqual(['datasource', 'job', 'pipeline'])
    const used = queries.flatMap(({ expr }) => [...expr.matchAll(/\$(\w+)/g)].map(([, name]) => name!))
    expect([...new Set(used)].sort()).toEqual(['__rate_interval', 'job', 'pipeline'])
  })

  test('shows every metric that there is', () => {
    const shown = queries.map(({ expr }) => expr).join('\n')
    expect([...page.types.keys()].filter(name => !shown.includes(name))).toEqual([])
  })

  test('takes any data source, has panels of different ids, and none upon another', () => {
    const { panels } = dashboard
    const sources = panels.flatMap(({ datasource, targets = [] }) => [datasource, ...targets.map(target => target.datasource)])
    expect([...new Set(sources.filter(source => source !== undefined).map(({ uid }) => uid))]).toEqual(['${datasource}'])
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`),
    )
    expect(cells.length).toBe(new Set(cells).size)
    expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24)
  })
})

describe('the alerts', () => {
  test.each(alerts.map(alert => [alert.alert, alert] as const))('%s asks for what is there, and names what it is about', (_, alert) => {
    expect(missingIn(page, alert.expr)).toEqual([])
    const labels = resultLabels(page, alert.expr)
    const named = [...alert.annotations['summary']!.matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label!)
    expect(named.filter(label => !labels.has(label))).toEqual([])
    expect(['critical', 'warning']).toContain(alert.labels.severity)
    expect(alert.for ?? '1m').toMatch(/^\d+[mh]$/)
  })

  test('stand in docs/operations.md, each under its name, and no other', () => {
    const [, section] = operations.split(/^## Alerts$/m)
    const headings = [...section!.split(/^## /m)[0]!.matchAll(/^### (\w+)$/gm)].map(([, name]) => name!)
    expect(headings).toEqual(alerts.map(({ alert }) => alert))
    for (const { alert, annotations } of alerts) expect(annotations['runbook']).toBe(`docs/operations.md#${alert.toLowerCase()}`)
  })
})

test('docs/operations.md says of every metric what it means, with its labels', () => {
  const [section] = operations.split(/^## Metrics$/m)[1]!.split(/^## /m)
  const rows = [...section!.matchAll(/^\| `(\w+)` \|([^|]*)\|/gm)].map(([, name, labels]) => [
    name!,
    [...labels!.matchAll(/`(\w+)`/g)].map(([, label]) => label!).sort(),
  ])
  const labelsOf = (family: string, type: string) => {
    const sample = page.samples.find(({ name }) => name === (type === 'histogram' ? `${family}_count` : family))
    return Object.keys(sample?.labels ?? {}).sort()
  }
  const there = [...page.types].map(([family, type]) => [family, labelsOf(family, type)])
  expect(new Map(rows as [string, string[]][])).toEqual(new Map(there as [string, string[]][]))
})

describe('what looks at the queries', () => {
  test.each([
    ['sum(millrace_record_total)', ['there is no metric millrace_record_total']],
    ['millrace_state{stat="failed"}', ['millrace_state has no label stat']],
    ['millrace_state{state="broken"}', ['millrace_state has no state broken']],
    ['sum by (sink) (rate(millrace_records_total[5m]))', ['millrace_records_total has no label sink']],
    ['rate(millrace_write_seconds[5m])', ['there is no metric millrace_write_seconds']],
    ['histogram_quantile(0.9, sum by (le) (rate(millrace_write_seconds_bucket{job="a"}[5m])))', []],
  ])('finds what is wrong with %s', (expression, wrong) => {
    expect(missingIn(page, expression)).toEqual(wrong)
  })

  test('refuses what is no PromQL', () => {
    expect(() => missingIn(page, 'sum by (')).toThrow(/not PromQL/)
    expect(() => missingIn(page, 'rate(millrace_records_total[])')).toThrow(/not PromQL/)
  })
})
