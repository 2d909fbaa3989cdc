import { errorReport } from '../core/error-report.js'
import type { Logger } from '../core/log.js'
import type { Pipeline } from '../runtime/pipeline.js'
import type { RunSummary } from '../runtime/tally.js'
import { showProgress } from './progress.js'
import { summaryJson, summaryLines } from './summary.js'

/** How pipelines are run from a command. */
export interface RunPipelinesOptions {
  /** Ends with one line of JSON on stdout; all else goes to stderr. */
  readonly isJson: boolean
  /** What is said after the summaries: where the rows are, and how to look at them. */
  readonly hints: readonly string[]
}

/**
 * Runs pipelines one after another, shows progress, and says how each ended. The first SIGINT or SIGTERM stops the running one in good order,
 * the second aborts it.
 *
 * @returns The exit status: 0 when all are done, 1 when one failed, 130 or 143 after a second signal.
 */
export async function runPipelines(pipelines: readonly Pipeline[], { isJson, hints }: RunPipelinesOptions): Promise<number> {
  const out = isJson ? process.stderr : process.stdout
  const summaries: (RunSummary & { readonly name: string })[] = []
  for (const pipeline of pipelines) {
    const { summary, status, isStopped } = await runOne(pipeline)
    if (summary !== null) {
      summaries.push({ name: pipeline.name, ...summary })
      out.write(`${summaryLines(pipeline.name, summary, { isStopped }).join('\n')}\n`)
    }
    if (status !== 0) return status
    if (isStopped) {
      out.write('\nrun it again, and it goes on from here\n')
      break
    }
  }
  out.write(`\n${hints.join('\n')}\n`)
  if (isJson) process.stdout.write(`${JSON.stringify(summaryJson(summaries))}\n`)
  return 0
}

async function runOne(
  pipeline: Pipeline,
): Promise<{ readonly summary: RunSummary | null; readonly status: number; readonly isStopped: boolean }> {
  const run = pipeline.start({ log: stderrLog(pipeline.name) })
  let signals = 0
  let status = 0
  const onSignal = (signal: NodeJS.Signals) => {
    signals++
    if (signals === 1) {
      process.stderr.write(`\n${pipeline.name}: ${signal}, writing what is under way; once more aborts\n`)
      void run.stop().catch(() => {})
    } else {
      status = signal === 'SIGINT' ? 130 : 143
      void run.abort(new Error(`a second ${signal}`))
    }
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  const hide = showProgress(pipeline.name, run, process.stderr)
  try {
    const summary = await run.finished
    return { summary, status, isStopped: signals > 0 }
  } catch (error) {
    hide()
    for (let at: ReturnType<typeof errorReport> | undefined = errorReport(error), depth = 0; at; at = at.cause, depth++) {
      process.stderr.write(`${depth === 0 ? `${pipeline.name} failed: ` : '  because: '}${at.message}${at.code ? ` [${at.code}]` : ''}\n`)
    }
    process.stderr.write('  what each code means, and what to do: docs/errors.md\n')
    return { summary: null, status: status || 1, isStopped: false }
  } finally {
    hide()
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
}

/** Only what somebody should know: waiting, each reason once, and what went wrong on the way. */
function stderrLog(name: string): Logger {
  let lastSaid = ''
  const warn = (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
    const said = [message, ...Object.values(fields)].join(': ')
    if (said !== lastSaid) process.stderr.write(`\n${name}: ${said}\n`)
    lastSaid = said
  }
  return { debug() {}, info() {}, warn, error() {} }
}
