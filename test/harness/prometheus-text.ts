/** One sample of Prometheus' text format. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** A page of metrics: samples, and the type of each metric family. Throws at a line that is none of the format. */
export interface MetricsPage {
  readonly samples: readonly Sample[]
  readonly types: ReadonlyMap<string, string>
  readonly helps: ReadonlyMap<string, string>
}

/**
 * Reads Prometheus' text format.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function parseMetrics(text: string): MetricsPage {
  const samples: Sample[] = []
  const types = new Map<string, string>()
  const helps = new Map<string, string>()
  for (const line of text.split('\n')) {
    if (line === '') continue
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/.exec(line)
    if (comment !== null) {
      const [, kind, name, rest] = comment as unknown as [string, string, string, string]
      const into = kind === 'TYPE' ? types : helps
      if (into.has(name)) throw new Error(`${kind} of ${name} stands twice`)
      into.set(name, rest)
      continue
    }
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line)
    if (sample === null) throw new Error(`not a line of the format: ${line}`)
    const [, name, labels, value] = sample as unknown as [string, string, string | undefined, string]
    samples.push({ name, labels: labelsOf(labels ?? ''), value: numberOf(value) })
  }
  return { samples, types, helps }
}

/** The value of the one sample with this name and these labels; undefined where there is none. */
export function valueOf({ samples }: MetricsPage, name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
  const found = samples.filter(
    sample => sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  )
  if (found.length > 1) throw new Error(`${found.length} samples of ${name} ${JSON.stringify(labels)}`)
  return found[0]?.value
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  let rest = text
  while (rest !== '') {
    const found = /^([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/.exec(rest)
    if (found === null) throw new Error(`not a list of labels: ${text}`)
    const [whole, name, value] = found as unknown as [string, string, string]
    if (Object.hasOwn(labels, name)) throw new Error(`the label ${name} stands twice: ${text}`)
    labels[name] = value.replace(/\\([\\"n])/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped))
    rest = rest.slice(whole.length)
  }
  return labels
}

function numberOf(text: string): number {
  const special: Record<string, number> = {
    '+Inf': Number.POSITIVE_INFINITY,
    '-Inf': Number.NEGATIVE_INFINITY,
    NaN: Number.NaN,
    Nan: Number.NaN,
  }
  const value = special[text] ?? Number(text)
  if (Number.isNaN(value) && !/^Na[Nn]$/.test(text)) throw new Error(`not a number: ${text}`)
  return value
}
