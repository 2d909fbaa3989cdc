import { it } from 'vitest'
import { describePostgres } from '../harness/database.js'
import { KILLS, killing, seed } from './orders/killing.js'

describePostgres(`a replay that is killed (MILLRACE_SEED=${seed})`, () => {
  const killed = killing()

  for (const point of ['handled', 'within the write', 'COMMIT sent', 'after COMMIT', 'after the write'] as const) {
    it(`at '${point}' loses nothing and doubles nothing`, () => killed(point, 'replay', KILLS / 5), KILLS * 15_000)
  }
})
