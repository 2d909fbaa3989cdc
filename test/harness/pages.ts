import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileAt, filesUnder, root, type SourceFile } from './source-files.js'

/** The pages people read: README.md and its neighbours, and docs. */
export function pages(): SourceFile[] {
  const atTop = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'].filter(path => existsSync(join(root, path))).map(fileAt)
  return [...atTop, ...(existsSync(join(root, 'docs')) ? filesUnder('docs', '.md') : [])]
}

/** A fenced block of code; `line` is that of its first line of code, from 1. */
export interface CodeBlock {
  readonly page: string
  readonly line: number
  /** What stands behind the fence: `ts`, `ts continued`, `sh`. */
  readonly info: string
  readonly code: string
}

export function codeBlocks({ path, text }: SourceFile): CodeBlock[] {
  const blocks: CodeBlock[] = []
  let open: { info: string; line: number; code: string[] } | null = null
  for (const [i, line] of text.split('\n').entries()) {
    const fence = /^\s*```(.*)$/.exec(line)
    if (!fence) open?.code.push(line)
    else if (open === null) open = { info: fence[1]!.trim(), line: i + 2, code: [] }
    else {
      blocks.push({ page: path, line: open.line, info: open.info, code: open.code.join('\n') })
      open = null
    }
  }
  return blocks
}

/** The text outside of code blocks. */
export function prose(text: string): string {
  return text.replace(/^\s*```[\s\S]*?^\s*```/gm, '')
}

/** The anchors that a page's headings give, as GitHub makes them. */
export function anchors(text: string): Set<string> {
  const found = new Set<string>()
  for (const [, heading] of prose(text).matchAll(/^#{1,6}\s+(.*)$/gm)) {
    const slug = heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-')
    let unique = slug
    for (let n = 1; found.has(unique); n++) unique = `${slug}-${n}`
    found.add(unique)
  }
  return found
}
