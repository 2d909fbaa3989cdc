// A worker of `millrace run --workers`: a process of its own that runs the pipelines as its parent says, and ends with it.
import { loadConfig } from '../../config/load-config.js'
import { redact } from '../../config/redact.js'
import { errorReport, errorText } from '../../core/error-report.js'
import type { Logger } from '../../core/log.js'
import { kinds } from '../../pipelines/kinds.js'
import type { RunObserver } from '../../runtime/observer.js'
import { type Supervisor, supervise } from '../../runtime/supervisor.js'
import { pipelinesOf } from './here.js'
import { prepareWatching } from './serve.js'
import { supervisorOptions } from './supervisor-options.js'
import type { FromWorker, ToWorker } from './worker-messages.js'

const SNAPSHOT_MS = 200

const send = (message: FromWorker): Promise<void> =>
  // The parent may be gone; then there is nobody to tell.
  new Promise(resolve => (process.connected ? process.send!(message, () => resolve()) : resolve()))

let supervisor: Supervisor | null = null
/** Stopped before it began. */
let isStopping = false

process.on('message', (message: ToWorker) => {
  if (message.type === 'start') void work(message)
  else if (message.type === 'stop') stop()
  else if (supervisor === null) process.exit(1)
  else void supervisor.abort(new Error(message.reason))
})
// The parent was killed. Nobody would end this process, nor see what it does; what is not committed comes again.
process.on('disconnect', () => void (supervisor?.abort(new Error('the parent is gone')) ?? Promise.resolve()).then(() => process.exit(1)))
// A terminal sends these to all processes; what to do is for the parent to say.
process.on('SIGINT', () => {}).on('SIGHUP', () => {})
process.on('SIGTERM', stop)
process.on('uncaughtException', error => {
  void send({ type: 'log', level: 'error', message: 'a worker crashes', fields: { error: errorText(error) } }).then(() => process.exit(1))
})

function stop(): void {
  isStopping = true
  void supervisor?.stop()
}

async function work({ file, names, drain, isObserved }: Extract<ToWorker, { type: 'start' }>): Promise<void> {
  const loaded = await loadConfig(file, { kinds, env: process.env, only: names })
  const { log: logging } = loaded.config
  const pipelines = await pipelinesOf(loaded, drain)
  const log = logToParent(logging.level, loaded.secrets)
  const { monitoring: _, ...config } = loaded.config
  const watching = await prepareWatching({ ...loaded, config }, log)
  supervisor = supervise(pipelines, {
    log,
    ...supervisorOptions(loaded.config, drain),
    onState: () => tell(),
  })
  if (isObserved) supervisor.observe(observerFor)
  const endWatching = watching.watch(supervisor)
  const tell = () => void send({ type: 'snapshot', actors: supervisor!.snapshot() })
  const timer = setInterval(tell, SNAPSHOT_MS)
  if (isStopping) stop()
  const actors = await supervisor.finished
  clearInterval(timer)
  await (await endWatching)()
  await send({ type: 'finished', actors })
  // A part may have left a handle open; what it was for is over.
  process.exit(0)
}

const observerFor = (pipeline: string): RunObserver => ({
  wrote: batch => void send({ type: 'wrote', pipeline, batch }),
  retried(reason) {
    const { name, code } = errorReport(reason)
    void send({ type: 'retried', pipeline, reason: { name, ...(code !== undefined && { code }) } })
  },
})

const levels = ['debug', 'info', 'warn', 'error', 'silent'] as const

function logToParent(least: (typeof levels)[number], secrets: readonly string[]): Logger {
  const say =
    (level: keyof Logger) =>
    (message: string, fields: object = {}): void => {
      if (levels.indexOf(level) < levels.indexOf(least)) return
      // A copy of it, plain enough to be sent: fields may hold functions.
      void send({ type: 'log', level, message, fields: redact(fields, secrets) }).catch(() => {})
    }
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
}
