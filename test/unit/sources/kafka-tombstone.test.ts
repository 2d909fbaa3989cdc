import fc from 'fast-check'
import { expect, test } from 'vitest'
import { messageCodec } from '../../../src/sources/kafka-tombstone.js'

test('a tombstone comes back as one', () => expect(messageCodec.decode(messageCodec.encode(null))).toBeNull())

test('bytes come back as they are, none among them', () => {
  fc.assert(fc.property(fc.uint8Array(), bytes => void expect(messageCodec.decode(messageCodec.encode(bytes))).toEqual(bytes)))
})
