import { MillraceError } from '../core/errors.js'
import { option, resolveOptions, shown } from '../core/options.js'
import type { RunPlan } from './plan.js'
import { type PipelineRun, Run, type StartOptions } from './run.js'

/** What each pipeline runs: beside the pipeline and not in it, so that its type tells users only what they may use. */
const plans = new WeakMap<object, RunPlan>()

/** @internal */
export function rememberPlan(pipeline: object, plan: RunPlan): void {
  plans.set(pipeline, plan)
}

/**
 * What a pipeline runs.
 * @internal
 */
export function planOf(pipeline: object): RunPlan {
  const plan = plans.get(pipeline)
  if (plan === undefined) {
    throw new MillraceError('MILL_OPTION_INVALID', {
      where: 'start',
      option: 'pipeline',
      expected: 'made by definePipeline',
      given: shown(pipeline),
    })
  }
  return plan
}

/**
 * Starts a pipeline with other parts in the place of its own: for replays and tests.
 * @internal
 */
export function startPipeline(
  pipeline: object,
  options: StartOptions,
  parts: Partial<Pick<RunPlan, 'sources' | 'sink' | 'onFailure' | 'limits' | 'isReplay'>>,
): PipelineRun {
  return startPlan({ ...planOf(pipeline), ...parts }, options)
}

/** @internal */
export function startPlan(plan: RunPlan, options: StartOptions): PipelineRun {
  resolveOptions<StartOptions>(`pipeline ${plan.name}, start`, options, {
    signal: option.object('an AbortSignal', { optional: true }),
    log: option.object('a logger', { optional: true }),
    clock: option.object('a clock', { optional: true }),
    observer: option.object('an observer', { optional: true }),
  })
  return new Run(plan, options)
}
