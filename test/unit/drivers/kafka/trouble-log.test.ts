import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { TroubleLog } from '../../../../src/drivers/kafka/trouble-log.js'

describe('what a client calls an error', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  const heard = () => {
    const said: [level: string, reason: unknown][] = []
    const at = (level: string) => (_: string, fields?: object) => void said.push([level, (fields as { reason: unknown }).reason])
    return { said, troubles: new TroubleLog({ debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }) }
  }
  const refused = (troubles: TroubleLog, correlationId: number) =>
    troubles.tell('Response Heartbeat', { error: 'the group is rebalancing', correlationId })

  test('is said once, and its repeats to those who debug', () => {
    const { said, troubles } = heard()
    for (let i = 0; i < 4; i++) refused(troubles, i)
    troubles.tell('Response Heartbeat', { error: 'the coordinator is another' })
    expect(said.map(([level]) => level)).toEqual(['info', 'debug', 'debug', 'debug', 'info'])
  })

  test('is said again after it was over, and when it lasts', () => {
    const { said, troubles } = heard()
    refused(troubles, 1)
    troubles.calm()
    refused(troubles, 2)
    vi.advanceTimersByTime(59_000)
    refused(troubles, 3)
    vi.advanceTimersByTime(2_000)
    refused(troubles, 4)
    expect(said.map(([level]) => level)).toEqual(['info', 'info', 'debug', 'info'])
  })
})
