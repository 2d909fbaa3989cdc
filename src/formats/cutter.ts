/** What is wrong with a record whose neighbours could still be told from it. */
export type CutFault = 'too large' | 'quote not closed' | 'element missing'

/** The whole of a record that is too large: what its bytes, which are only the beginning, are the beginning of. */
export interface Whole {
  readonly bytes: number
  /** Hexadecimal. */
  readonly sha256: string
}

/**
 * Takes one record: its bytes, and where it starts and ends in the content. Of a record that is too large the bytes are only its beginning, and
 * `whole` is given.
 *
 * Returns whether the cutter shall pause after it. The bytes are a view: they keep the chunk alive that they were cut from.
 */
export type OnCut = (bytes: Uint8Array, start: number, end: number, fault: CutFault | null, whole?: Whole) => boolean

/** What every cutter is made with. */
export interface CutterOptions {
  readonly onCut: OnCut
  /** Where in the content the first chunk begins. Default 0. */
  readonly offset?: number
  /** Of a larger record only the beginning is kept. Bytes. Default: no bound. */
  readonly maxRecordBytes?: number
}

/**
 * Cuts content into records. A pure state machine: chunks may end anywhere, also within a character, a quote or an escape, and the cuts are the same.
 *
 * `feed` a chunk, then `cut` until it returns true, then feed the next; at the end of the content `end`, and `cut` until it returns true again.
 */
export interface Cutter {
  feed(chunk: Uint8Array): void
  /** The content is over. */
  end(): void
  /**
   * Cuts what it can. True: it needs the next chunk, or all is cut. False: `onCut` asked for a pause; call it again.
   *
   * @throws {ContentError} when the content as a whole is broken, so that no further record can be told.
   */
  cut(): boolean
  /** Where the first record starts that is not cut yet. */
  readonly position: number
}

/** How much is kept of a record that is too large. Bytes. */
export const KEPT_OF_TOO_LARGE = 64 * 1024
