/**
 * Any text as a column of type text can hold it, different for different texts: what has NUL or a lone surrogate, or looks as if it had been so
 * written, stands as JSON after a backslash. @internal
 */
export function toColumn(text: string): string {
  return text.includes('\0') || !text.isWellFormed() || text.startsWith('\\"') ? `\\${JSON.stringify(text)}` : text
}

/** The text again. @internal */
export function fromColumn(text: string): string {
  return text.startsWith('\\"') ? (JSON.parse(text.slice(1)) as string) : text
}
