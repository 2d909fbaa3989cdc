import { type Diagnosis, inspectPipeline, type PartFinding } from '../../src/cli/inspection/inspect-pipeline.js'
import { planOf } from '../../src/runtime/start.js'

/** What `millrace doctor` finds of a pipeline. */
export const diagnosisOf = (pipeline: object): Promise<Diagnosis> => inspectPipeline(planOf(pipeline))

/** The faults among it. */
export async function faultsOf(pipeline: object): Promise<PartFinding[]> {
  return (await diagnosisOf(pipeline)).findings.filter(({ level }) => level === 'fault')
}
