import { afterAll, beforeAll } from 'vitest'
import type { ProxiedMessage, Verdict } from '../../harness/postgres-proxy.js'
import { chosenSeed, seededRandom } from '../../harness/random.js'
import type { Point, Task } from './task.js'
import { transactionSteps } from './transactions.js'
import { OrderFiles, OrdersProgram, OrdersWorld } from './world.js'

/** How often a process is killed at each point. */
export const KILLS = process.env['MILLRACE_LONG'] ? 200 : 10
export const seed = chosenSeed()

/** What kills processes, and what there is for them; call it within a describe. */
export function killing() {
  let files: OrderFiles
  let program: OrdersProgram

  beforeAll(async () => {
    program = await OrdersProgram.build()
    files = await OrderFiles.write()
  })
  afterAll(async () => {
    await program.remove()
    await files.remove()
  })

  /** Runs the child. True when it was killed as it was meant to be, false when it came to its end first. */
  async function run(world: OrdersWorld, how: Pick<Task, 'mode' | 'isMended' | 'killAt'>): Promise<boolean> {
    const child = program.start({ ...how, isKeyed: false, connection: world.proxy.address, root: files.root })
    const { killAt } = how
    world.proxy.decide = killAt ? stopAt(killAt.point, killAt.after, () => child.kill('SIGKILL')) : () => 'pass'
    const { code, signal, output } = await child.ended
    if (signal === 'SIGKILL' && killAt) return true
    if (code !== 0) throw new Error(`the child ended with ${signal ?? code}: ${output}`)
    return false
  }

  /** Kills it until it was killed often enough, over as many databases as that takes, and looks at each in the end. */
  return async (point: Point, mode: Task['mode'], kills: number): Promise<void> => {
    const random = seededRandom(seed + point.length)
    const isMended = mode === 'replay'
    for (let killed = 0; killed < kills; ) {
      const world = await OrdersWorld.open(files, false)
      try {
        if (mode === 'replay') await run(world, { mode: 'run', isMended: false })
        const before = killed
        for (; killed < kills; killed++) {
          const after = 1 + Math.floor(random() * (point !== 'handled' ? 6 : mode === 'run' ? 300 : 20))
          if (!(await run(world, { mode, isMended, killAt: { point, after } }))) break
        }
        if (killed === before) throw new Error(`it never comes to '${point}'`)
        await run(world, { mode, isMended })
        await world.check(isMended)
      } finally {
        await world.close()
      }
    }
  }
}

/** Stops the traffic at a point, the `after`th time (from 1) that it is come to, and kills the child then: what was sent stays sent, and nothing comes after it. */
export function stopAt(point: Point, after: number, kill: () => void): (message: ProxiedMessage) => Verdict {
  const stepOf = transactionSteps()
  let times = 0
  let isOver = false
  const count = (verdict: Verdict): Verdict => {
    if (++times < after) return 'pass'
    isOver = true
    kill()
    return verdict
  }
  return message => {
    if (isOver) return 'hold'
    const step = stepOf(message)
    if (point === 'within the write' && step === 'rows') return count('half')
    if (point === 'before COMMIT' && step === 'sent whole') return count('hold')
    if (point === 'COMMIT sent' && step === 'sent whole') return count('pass')
    if (point === 'after COMMIT' && step === 'committed') return count('hold')
    if (point === 'during a quarantine write' && step === 'quarantine') return count('half')
    return 'pass'
  }
}
