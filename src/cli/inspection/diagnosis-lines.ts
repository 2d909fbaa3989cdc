import { type ExitStatus, exitStatus, statusOfClass } from '../exit-status.js'
import type { Diagnosis, PartFinding } from './inspect-pipeline.js'

const marks = { ok: '✓', warning: '!', fault: '✗' } as const

/** A diagnosis for people: a line a finding, below it cause and way out. */
export function diagnosisLines({ pipeline, findings }: Diagnosis): string[] {
  const lines = [`pipeline ${pipeline}`]
  for (const { level, part, what, cause, fix } of findings) {
    lines.push(`  ${marks[level]} ${part}: ${what}`)
    if (cause !== undefined) lines.push(`      because: ${cause}`)
    if (fix !== undefined) lines.push(`      way out: ${fix}`)
  }
  return lines
}

/** How many there are, in words. */
export function countLine(diagnoses: readonly Diagnosis[]): string {
  const { faults, warnings } = countsOf(diagnoses)
  const some = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`
  return faults + warnings === 0 ? 'no fault found' : [some(faults, 'fault'), some(warnings, 'warning')].join(', ')
}

/** How many there are. */
export function countsOf(diagnoses: readonly Diagnosis[]): { readonly faults: number; readonly warnings: number } {
  const all = diagnoses.flatMap(({ findings }) => findings)
  const count = (wanted: PartFinding['level']) => all.filter(({ level }) => level === wanted).length
  return { faults: count('fault'), warnings: count('warning') }
}

/** 0 without faults; the status of their class where all faults have the same; else 1. */
export function diagnosisStatus(diagnoses: readonly Diagnosis[]): ExitStatus {
  const faults = diagnoses.flatMap(({ findings }) => findings).filter(({ level }) => level === 'fault')
  const kinds = new Set(faults.map(({ kind }) => kind))
  const [kind] = kinds
  if (faults.length === 0) return exitStatus.done
  return kinds.size > 1 || kind === undefined ? exitStatus.failed : statusOfClass[kind]
}
