/** A header as a source gives it: the name, and its bytes or text. Names may repeat. */
export type HeaderPair = readonly [name: string, value: Uint8Array | string]

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** The headers of a record in their order, repeats kept, bytes untouched. */
export class RecordHeaders implements Iterable<readonly [name: string, value: Uint8Array]> {
  static readonly none = new RecordHeaders([])
  private constructor(private readonly pairs: readonly (readonly [string, Uint8Array])[]) {}

  static from(pairs: readonly HeaderPair[] | undefined): RecordHeaders {
    if (pairs === undefined || pairs.length === 0) return RecordHeaders.none
    return new RecordHeaders(pairs.map(([name, value]) => [name, typeof value === 'string' ? encoder.encode(value) : value] as const))
  }

  /** The last value of this name as UTF-8 text; undefined where there is none. */
  text(name: string): string | undefined {
    const value = this.bytes(name).at(-1)
    return value === undefined ? undefined : decoder.decode(value)
  }

  /** All values of this name, in order. */
  bytes(name: string): readonly Uint8Array[] {
    return this.pairs.filter(([given]) => given === name).map(([, value]) => value)
  }

  [Symbol.iterator](): Iterator<readonly [name: string, value: Uint8Array]> {
    return this.pairs[Symbol.iterator]()
  }
}
