// The process that is killed or frozen.
import { postgres, postgresQuarantine, replay } from 'millrace'
import { ordersPipeline } from './pipeline.js'
import type { Task } from './task.js'

const { connection, root, mode, isMended, isKeyed, killAt } = JSON.parse(process.env['MILLRACE_CHAOS'] ?? '{}') as Task

let times = 0
const database = postgres({ connection })
const pipeline = ordersPipeline(database, {
  root,
  isMended,
  isKeyed,
  reached: point => {
    if (killAt?.point === point && ++times === killAt.after) process.kill(process.pid, 'SIGKILL')
  },
})
const run = mode === 'run' ? pipeline.start() : replay(pipeline, { from: postgresQuarantine(database) })
try {
  console.log(JSON.stringify(await run.finished))
} catch (error) {
  console.error(error)
  process.exitCode = 1
} finally {
  await database.close()
}
