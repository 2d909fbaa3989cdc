import type { Problem } from '../../config/config-error.js'
import { delay, systemClock } from '../../core/clock.js'
import { errorText } from '../../core/error-report.js'
import type { Finding, Inspectable, InspectionContext } from '../../core/inspection.js'
import { memberOf } from '../../core/member.js'
import type { RunPlan } from '../../runtime/plan.js'

/** A finding, and the part that it is of. */
export interface PartFinding extends Finding {
  /** `source files`, `sink postgres signups`, `quarantine in …`. */
  readonly part: string
}

/** What was found of one pipeline. */
export interface Diagnosis {
  readonly pipeline: string
  readonly findings: readonly PartFinding[]
}

/** Parts bound each of their waits; this is for those that do not. ms. */
const PART_MS = 60_000

/** Inspects all parts of a pipeline at once. Never throws: what goes wrong is a finding. */
export async function inspectPipeline(plan: RunPlan, partMs = PART_MS): Promise<Diagnosis> {
  const told = new Set<unknown>()
  const first = (key: unknown): boolean => told.size < told.add(key).size
  const parts: [name: string, part: Inspectable][] = [
    ...Object.entries(plan.sources).map(([name, source]): [string, Inspectable] => [`source ${name}`, source]),
    [`sink ${plan.sink.name}`, plan.sink],
    ...(plan.onFailure === 'halt' ? [] : [[`quarantine`, plan.onFailure] as [string, Inspectable]]),
  ]
  const context = { pipeline: plan.name, ledger: plan.sink.ledger === true, first }
  const found = await Promise.all(parts.map(([name, part]) => inspectPart(name, part, context, partMs)))
  return { pipeline: plan.name, findings: found.flat() }
}

/** A pipeline that could not even be made: what is wrong with its options, or why its module failed. */
export function brokenPipeline(pipeline: string, error: unknown): Diagnosis {
  const problems = memberOf(error, 'problems')
  const causes = Array.isArray(problems) ? (problems as readonly Problem[]).map(problemText) : [errorText(error)]
  const fix = 'correct the config: millrace check says all that is wrong'
  const finding = (cause: string): PartFinding => ({
    part: 'config',
    level: 'fault',
    what: 'the pipeline cannot be made',
    cause,
    fix,
    kind: 'config',
  })
  return { pipeline, findings: causes.map(finding) }
}

const problemText = ({ path, expected, given }: Problem): string => `${path}: expected ${expected}, got ${given}`

async function inspectPart(
  name: string,
  part: Inspectable,
  context: Omit<InspectionContext, 'signal'>,
  partMs: number,
): Promise<readonly PartFinding[]> {
  if (part.inspect === undefined) return [{ part: name, level: 'ok', what: 'it has nothing to be inspected' }]
  const findings: PartFinding[] = []
  const end = new AbortController()
  const collect = async (inspect: NonNullable<Inspectable['inspect']>): Promise<void> => {
    for await (const finding of inspect({ ...context, signal: end.signal })) findings.push({ part: name, ...finding })
  }
  const timer = new AbortController()
  const late = delay(systemClock, partMs, timer.signal).then(() => Promise.reject(new Error(`it did not end within ${partMs} ms`)))
  late.catch(() => {})
  try {
    await Promise.race([collect(part.inspect), late])
  } catch (error) {
    findings.push({ part: name, level: 'fault', what: 'its inspection failed', cause: errorText(error) })
  } finally {
    end.abort()
    timer.abort()
  }
  return findings
}
