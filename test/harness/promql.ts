import { parser } from '@prometheus-io/lezer-promql'
import type { MetricsPage } from './prometheus-text.js'

type SyntaxNode = ReturnType<typeof parser.parse>['topNode']

/** Labels that Prometheus itself adds to whatever it reads. */
const targetLabels = new Set(['job', 'instance'])

/** A series that an expression asks for: its metric, what its labels must be, and by which the result is grouped. */
export interface Selector {
  readonly metric: string
  readonly matchers: readonly { readonly label: string; readonly operator: string; readonly value: string }[]
  /** Of the aggregations around it. */
  readonly groupedBy: readonly string[]
}

/** The series that an expression of PromQL asks for, by Prometheus' own grammar. Throws where it is no such expression. */
export function selectorsOf(expression: string): Selector[] {
  const found: Selector[] = []
  const text = ({ from, to }: SyntaxNode) => expression.slice(from, to)
  const walk = (node: SyntaxNode, groupedBy: readonly string[]): void => {
    if (node.type.isError) throw new Error(`not PromQL at ${node.from}: ${expression}`)
    const here = node.name === 'AggregateExpr' ? [...groupedBy, ...groupingOf(node).map(text)] : groupedBy
    if (node.name === 'VectorSelector') {
      const metric = node.getChild('Identifier')
      if (metric === null) throw new Error(`a selector without a metric: ${expression}`)
      const matchers = (node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []).map(matcher => ({
        label: text(matcher.getChild('LabelName')!),
        operator: text(matcher.getChild('MatchOp')!),
        value: text(matcher.getChild('StringLiteral')!).slice(1, -1),
      }))
      found.push({ metric: text(metric), matchers, groupedBy: here })
    }
    for (let child = node.firstChild; child !== null; child = child.nextSibling) walk(child, here)
  }
  walk(parser.parse(expression).topNode, [])
  return found
}

function groupingOf(aggregate: SyntaxNode): SyntaxNode[] {
  return aggregate.getChild('AggregateModifier')?.getChild('GroupingLabels')?.getChildren('LabelName') ?? []
}

/** What an expression asks for and a page of metrics has not: metrics, labels, values of labels. Each as a sentence. */
export function missingIn(page: MetricsPage, expression: string): string[] {
  return selectorsOf(expression).flatMap(({ metric, matchers, groupedBy }) => {
    const samples = page.samples.filter(({ name }) => name === metric)
    if (samples.length === 0) return [`there is no metric ${metric}`]
    const has = (label: string) => targetLabels.has(label) || samples.every(({ labels }) => Object.hasOwn(labels, label))
    const labels = [...new Set([...matchers.map(({ label }) => label), ...groupedBy])]
    const values = matchers.filter(({ label, operator, value }) => {
      return operator === '=' && has(label) && !targetLabels.has(label) && !samples.some(sample => sample.labels[label] === value)
    })
    return [
      ...labels.filter(label => !has(label)).map(label => `${metric} has no label ${label}`),
      ...values.map(({ label, value }) => `${metric} has no ${label} ${value}`),
    ]
  })
}

/** The labels that a result of the expression has: those it is grouped by, else those of its series. */
export function resultLabels(page: MetricsPage, expression: string): ReadonlySet<string> {
  const selectors = selectorsOf(expression)
  const grouped = selectors.flatMap(({ groupedBy }) => groupedBy)
  if (grouped.length > 0) return new Set(grouped)
  const isAggregated = /\b(sum|max|min|count|avg)\s*\(/.test(expression)
  if (isAggregated) return new Set()
  return new Set([
    ...targetLabels,
    ...selectors.flatMap(({ metric }) => Object.keys(page.samples.find(({ name }) => name === metric)?.labels ?? {})),
  ])
}
