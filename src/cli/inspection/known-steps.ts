import type { RunPlan } from '../../runtime/plan.js'

/** Our operators, and what of RxJS stands in pipelines. */
const operators = new Set([
  'decode', 'validate', 'transform', 'handle', 'keep', 'split', 'join', 'withRetry', 'withTimeout',
  'map', 'filter', 'tap', 'mergeMap', 'concatMap', 'switchMap', 'exhaustMap', 'expand', 'scan', 'reduce', 'groupBy', 'pairwise', 'toArray',
  'buffer', 'bufferCount', 'bufferTime', 'windowCount', 'windowTime', 'debounceTime', 'throttleTime', 'auditTime', 'sampleTime', 'delay', 'timeout',
  'take', 'takeUntil', 'takeWhile', 'skipUntil', 'skipWhile', 'distinct', 'distinctUntilChanged', 'merge', 'mergeWith', 'concat', 'zip', 'combineLatest',
  'withLatestFrom', 'share', 'shareReplay', 'catchError', 'retry', 'observeOn', 'finalize', 'interval', 'timer',
]) // biome-ignore format: a list of names

/**
 * What can be said of a pipeline's steps: what the pipeline says of them itself; else, honestly, that they are a function, and which operators are
 * named in its text, in that order. Literals of the text are not shown.
 */
export function knownSteps({ about, steps }: Pick<RunPlan, 'about' | 'steps'>): readonly string[] {
  if (about !== undefined && about.length > 0) return about
  const named = operatorsIn(Function.prototype.toString.call(steps))
  const known = named.length === 0 ? 'its text names no operator that is known' : `its text names ${named.join(' → ')}`
  return ['a function over RxJS streams, which cannot be looked into', known]
}

function operatorsIn(text: string): string[] {
  // A bundler writes (0, rxjs.map)(…).
  const called = [...text.matchAll(/([A-Za-z_$][\w$]*)\)?\s*(?:<[^()]*>)?\(/g)].map(([, name]) => name!)
  return called.filter(name => operators.has(name))
}
