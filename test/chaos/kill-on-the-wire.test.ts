import { it } from 'vitest'
import { describePostgres } from '../harness/database.js'
import { KILLS, killing, seed } from './orders/killing.js'
import { proxyPoints } from './orders/task.js'

describePostgres(`a pipeline that is killed while it writes (MILLRACE_SEED=${seed})`, () => {
  const killed = killing()

  for (const point of proxyPoints) {
    it(`at '${point}' loses nothing and doubles nothing`, () => killed(point, 'run', KILLS), KILLS * 15_000)
  }
})
