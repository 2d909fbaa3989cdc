/** Text of a stranger's, for a terminal: what would move its cursor or change its colours stands as `\x1b`. Line ends and tabs are kept. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, escaped)
}

/** The same on one line. */
export const onOneLine = (text: string): string => printable(text.replace(/\s+/g, ' ').trim())

/** One line of at most so many characters. */
export function clipped(text: string, width: number): string {
  const line = onOneLine(text)
  return line.length > width ? `${line.slice(0, Math.max(1, width - 1))}…` : line
}

function escaped(character: string): string {
  const code = character.charCodeAt(0)
  return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
}
