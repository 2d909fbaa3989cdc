import type { LoadedConfig } from '../../config/load-config.js'
import { planOf } from '../../runtime/start.js'
import type { ActorSnapshot } from '../../runtime/supervisor-actor.js'
import { exitStatus, statusOfAll, statusOfClass } from '../exit-status.js'
import type { Frame } from '../frame.js'
import { showReport } from '../show-error.js'
import { UsageError } from '../usage-error.js'
import { showProgress } from '../view/progress.js'
import { heedSignals } from './heed-signals.js'
import { runHere } from './here.js'
import type { RunFlags } from './run-flags.js'
import type { Running } from './running.js'
import { summaryJson, summaryLines } from './summary.js'

/** Runs pipelines of the config, shows how they go, and says how each ended. The status is that of what failed, or of a second signal. */
export async function run(frame: Frame, names: readonly string[], flags: RunFlags): Promise<void> {
  const loaded = await frame.loadConfig(names.length === 0 ? {} : { only: [...new Set(names)] })
  const begun = performance.now()
  const running = await start(frame, loaded, flags)
  const signals = heedSignals(frame, running)
  const hide = showProgress(frame, running, { isJson: flags.json === true })
  let ended: readonly ActorSnapshot[]
  try {
    ended = await running.finished
  } finally {
    hide()
    signals.over()
    await running.close()
  }
  await tell(frame, ended, { loaded, flags, isStopped: signals.seen > 0, seconds: (performance.now() - begun) / 1_000 })
  const status = statusOfAll(ended.map(({ state, errorClass }) => (state === 'failed' ? statusOfClass[errorClass ?? 'failed'] : 0)))
  frame.exit(signals.abortedBy === null ? status : signals.abortedBy === 'SIGINT' ? exitStatus.interrupted : exitStatus.terminated)
}

async function start(frame: Frame, loaded: LoadedConfig, flags: RunFlags): Promise<Running> {
  if (flags.workers === undefined) return runHere(frame, loaded, flags)
  await refuseUnshared(loaded)
  const { runInWorkers } = await import('./workers.js')
  return runInWorkers(frame, loaded, { ...flags, workers: flags.workers })
}

/** Of files, each worker would read all: their ledger would let one have them and fence the others, and without one each row came several times. */
async function refuseUnshared(loaded: LoadedConfig): Promise<void> {
  for (const name of loaded.names) {
    const { sources } = planOf(await loaded.pipeline(name))
    const unshared = Object.values(sources).find(({ isShared }) => isShared !== true)
    if (unshared !== undefined)
      throw new UsageError(
        `--workers is for sources that several processes share: pipeline ${name} reads from ${unshared.name}, which cannot be`,
      )
  }
}

async function tell(
  frame: Frame,
  ended: readonly ActorSnapshot[],
  { loaded, flags, isStopped, seconds }: { loaded: LoadedConfig; flags: RunFlags; isStopped: boolean; seconds: number },
): Promise<void> {
  const put = (lines: readonly string[]) => (flags.json ? frame.say(...lines) : frame.print(frame.hide(`${lines.join('\n')}\n`)))
  for (const snapshot of ended) {
    if (snapshot.run !== null || snapshot.state === 'stopped') put(summaryLines(snapshot, { isStopped }))
    if (snapshot.error !== null && snapshot.state === 'failed') await showReport(frame, `${snapshot.name} failed`, snapshot.error)
  }
  if (isStopped) put(['', 'run it again, and it goes on from here'])
  put(['', ...hintsOf(loaded, ended)])
  if (flags.json) frame.print(frame.hide(`${JSON.stringify(summaryJson(ended, seconds))}\n`))
}

/** The config's own hints; where it has none, how to look at what was quarantined. */
function hintsOf({ config }: LoadedConfig, ended: readonly ActorSnapshot[]): readonly string[] {
  if (config.hints.length > 0) return config.hints
  const quarantined = ended.filter(({ totals }) => totals.quarantined > 0).map(({ name }) => name)
  return quarantined.flatMap(name => [`what was quarantined of ${name}, and why:`, `  millrace quarantine list ${name}`])
}
