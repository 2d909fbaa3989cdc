import { describe, expect, test } from 'vitest'
import { type ErrorClass, errorClassOf } from '../../../src/core/error-class.js'
import { MillraceError } from '../../../src/core/errors.js'

const refused = (sqlstate: string, retryable = false) =>
  new MillraceError('MILL_DATABASE_REFUSED', { database: 'd', sqlstate, reason: 'r' }, { retryable })
const kafkaRefused = (cause: unknown) => new MillraceError('MILL_KAFKA_REFUSED', { cluster: 'c', doing: 'd', reason: 'r' }, { cause })
const sinkFailed = (cause: unknown) => new MillraceError('MILL_SINK_FAILED', { sink: 's', doing: 'open' }, { cause })

describe('the class of an error', () => {
  const cases: readonly (readonly [ErrorClass, unknown])[] = [
    ['config', new MillraceError('MILL_OPTION_INVALID', { where: 'w', option: 'o', expected: 'e', given: 'g' })],
    ['config', new MillraceError('MILL_LEDGER_SHARED', { source: 's', partition: '0', groups: 'a, b' })],
    ['config', refused('3D000')],
    ['config', refused('42P01')],
    ['config', sinkFailed(new MillraceError('MILL_TABLE_MISSING', { table: 't', database: 'd' }))],
    ['not-allowed', refused('28P01')],
    ['not-allowed', refused('42501')],
    ['not-allowed', sinkFailed(refused('42501'))],
    ['not-allowed', kafkaRefused(Object.assign(new Error('no'), { type: 'TOPIC_AUTHORIZATION_FAILED' }))],
    ['not-allowed', kafkaRefused(Object.assign(new Error('no'), { name: 'KafkaJSSASLAuthenticationError' }))],
    ['not-allowed', sinkFailed(Object.assign(new Error('no'), { code: 'EACCES' }))],
    ['unavailable', new MillraceError('MILL_START_TIMEOUT', { part: 'sink s', ms: 1 }, { cause: refused('28P01') })],
    ['unavailable', new MillraceError('MILL_DATABASE_AWAY', { database: 'd', reason: 'r' })],
    ['unavailable', refused('53300', true)],
    ['unavailable', Object.assign(new Error('no'), { code: 'ECONNREFUSED' })],
    ['fenced', new MillraceError('MILL_PARTITION_FENCED', { source: 's', partition: '0' })],
    ['failed', refused('XX000')],
    ['failed', kafkaRefused(new Error('no'))],
    ['failed', sinkFailed(new TypeError('no'))],
    ['failed', new MillraceError('MILL_STEPS_FAILED', { pipeline: 'p', origin: 'o' }, { cause: refused('42501') })],
    ['failed', new MillraceError('MILL_RUN_ABORTED', { pipeline: 'p' }, { cause: refused('42501') })],
    ['failed', 'a text'],
    ['failed', null],
    ['failed', undefined],
  ]

  test.each(cases.map(([kind, error]) => [kind, String((error as Error)?.message ?? error), error] as const))(
    'is %s: %s',
    (kind, _, error) => {
      expect(errorClassOf(error)).toBe(kind)
    },
  )

  test('is told of anything, without a throw and without end', () => {
    const circle = new Error('circle')
    circle.cause = circle
    const hostile = new Proxy(new Error('hostile'), {
      get: () => {
        throw new Error('got')
      },
    })
    expect([errorClassOf(circle), errorClassOf(hostile)]).toEqual(['failed', 'failed'])
  })
})
