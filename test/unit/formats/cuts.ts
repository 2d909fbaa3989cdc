import { ContentError } from '../../../src/formats/content-error.js'
import type { Cutter, CutterOptions } from '../../../src/formats/cutter.js'

/** What a cutter made of some content: one line a cut, `start-end text` with the fault before it, and last the error, if any. */
export function cutsOf(
  make: (options: CutterOptions) => Cutter,
  chunks: readonly Uint8Array[],
  options: Partial<CutterOptions> = {},
): string[] {
  const cuts: string[] = []
  // Pauses after every third cut: where it pauses must not matter.
  const cutter = make({
    ...options,
    onCut(bytes, start, end, fault) {
      cuts.push(`${fault === null ? '' : `${fault}: `}${start}-${end} ${Buffer.from(bytes).toString('latin1')}`)
      return cuts.length % 3 === 0
    },
  })
  const untilDone = () => {
    while (!cutter.cut()) {}
  }
  try {
    for (const chunk of chunks) {
      cutter.feed(chunk)
      untilDone()
    }
    cutter.end()
    untilDone()
    cuts.push(`at ${cutter.position}`)
  } catch (error) {
    if (!(error instanceof ContentError)) throw error
    cuts.push(`error: ${error.message}`)
  }
  return cuts
}

/** The content in pieces that end before each of `at`. */
export function piecesOf(content: Uint8Array, at: readonly number[]): Uint8Array[] {
  const ends = [...at.filter(end => end <= content.length), content.length]
  return ends.map((end, i) => content.subarray(i === 0 ? 0 : ends[i - 1]!, end))
}

/** All ways to cut the content once, and the one in single bytes. */
export function everyCut(content: Uint8Array): Uint8Array[][] {
  const once = Array.from({ length: content.length }, (_, at) => piecesOf(content, [at]))
  return [...once, piecesOf(content, [...content.keys()])]
}
