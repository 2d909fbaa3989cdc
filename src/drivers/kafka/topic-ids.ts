/** Version 10 of Metadata is the first that tells the ids of topics (Kafka 2.8, KIP-516). */
export const METADATA_VERSION = 10
/** The number of Metadata among Kafka's requests. */
export const METADATA_KEY = 3
const ID_BYTES = 16

/** The body of the request, with the end of the header before it: kafkajs knows only headers without tagged fields. */
export function topicIdsRequest(topics: readonly string[]): Buffer {
  const parts: Buffer[] = [noTags, uvarint(topics.length + 1)]
  for (const topic of topics) {
    const name = Buffer.from(topic)
    parts.push(Buffer.alloc(ID_BYTES), uvarint(name.length + 1), name, noTags)
  }
  // Make no topic; tell nothing of rights, neither on the cluster nor on topics.
  return Buffer.concat([...parts, Buffer.from([0, 0, 0]), noTags])
}

/** The ids in the answer, as Kafka's tools write them. A topic that is not there, or of which the broker knows no id, is left out. */
export function topicIdsOf(answer: Buffer): ReadonlyMap<string, string> {
  const reader = new Flexible(answer)
  reader.tags()
  reader.int32()
  reader.each(() => {
    reader.int32()
    reader.text()
    reader.int32()
    reader.text()
    reader.tags()
  })
  reader.text()
  reader.int32()
  const ids = new Map<string, string>()
  reader.each(() => {
    const error = reader.int16()
    const name = reader.text()
    const id = reader.bytes(ID_BYTES)
    if (error === 0 && name !== null && id.some(byte => byte !== 0)) ids.set(name, id.toString('base64url'))
    reader.bytes(1)
    reader.each(() => {
      reader.int16()
      for (const _ of ['partition', 'leader', 'epoch']) reader.int32()
      for (const _ of ['replicas', 'in sync', 'offline']) reader.each(() => reader.int32())
      reader.tags()
    })
    reader.int32()
    reader.tags()
  })
  return ids
}

const noTags = Buffer.from([0])

function uvarint(value: number): Buffer {
  const bytes: number[] = []
  for (; value > 0x7f; value >>>= 7) bytes.push((value & 0x7f) | 0x80)
  return Buffer.from([...bytes, value])
}

/** Reads the flexible versions of Kafka's messages (KIP-482): lengths as varints, one more than they are, and tagged fields behind each structure. */
class Flexible {
  private at = 0

  constructor(private readonly from: Buffer) {}

  int16(): number {
    this.at += 2
    return this.from.readInt16BE(this.at - 2)
  }

  int32(): number {
    this.at += 4
    return this.from.readInt32BE(this.at - 4)
  }

  bytes(length: number): Buffer {
    this.at += length
    if (this.at > this.from.length) throw new Error(`the answer ends at byte ${this.from.length}`)
    return this.from.subarray(this.at - length, this.at)
  }

  text(): string | null {
    const length = this.uvarint() - 1
    return length < 0 ? null : this.bytes(length).toString()
  }

  each(read: () => void): void {
    for (let left = this.uvarint() - 1; left > 0; left--) read()
  }

  tags(): void {
    for (let left = this.uvarint(); left > 0; left--) {
      this.uvarint()
      this.bytes(this.uvarint())
    }
  }

  private uvarint(): number {
    let value = 0
    for (let factor = 1; ; factor *= 0x80) {
      const byte = this.bytes(1)[0]!
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
  }
}
