/** The content cannot be read on: `reason` in words, `offset` in bytes from its beginning. */
export class ContentError extends Error {
  override readonly name = 'ContentError'
  constructor(
    readonly reason: string,
    readonly offset: number,
    options?: { readonly cause?: unknown },
  ) {
    super(`${reason} at byte ${offset}`, options)
  }
}
