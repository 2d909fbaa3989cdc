import { expect, test } from 'vitest'
import { topicIdentity } from '../../../src/sources/kafka-identity.js'

const at = { source: 'kafka', partition: 'orders/3' }
const identity = (groupId: string, topicId?: string) => topicIdentity(at, groupId, topicId)

test.each([
  ['the same', identity('billing', 'a'), identity('billing', 'a'), true],
  ['another topic', identity('billing', 'a'), identity('billing', 'b'), false],
  ['another group', identity('billing', 'a'), identity('audit', 'a'), false],
  ['marked before ids were known', identity('billing'), identity('billing', 'b'), true],
  ['read by a broker that knows no ids', identity('billing', 'a'), identity('billing'), true],
  ['a group with a name like a mark', identity('a, topic id b', 'c'), identity('a, topic id b', 'c'), true],
])('%s', (_, earlier, now, expected) => {
  expect(now.matches(earlier.mark)).toBe(expected)
})

test('what does not match says why', () => {
  expect(identity('audit', 'a').mismatch!(identity('billing', 'a').mark)).toMatchObject({
    code: 'MILL_LEDGER_SHARED',
    details: { ...at, groups: 'billing, audit' },
  })
  expect(identity('billing', 'b').mismatch!(identity('billing', 'a').mark)).toMatchObject({
    code: 'MILL_LEDGER_AHEAD',
    message: expect.stringMatching(/id was a.*made anew \(its id is b\)/),
  })
})
