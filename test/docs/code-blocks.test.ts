import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { expect, it } from 'vitest'
import { type CodeBlock, codeBlocks, pages } from '../harness/pages.js'
import { root } from '../harness/source-files.js'
import { typeCheck } from '../harness/type-check.js'

// ```ts          a module of its own
// ```ts continued   goes on where the block before it ended
// ```ts sketch   not checked: shows a shape

it('the code in README and docs compiles as it stands', async () => {
  const modules = pages().flatMap(page => modulesOf(codeBlocks(page)))
  expect(modules.length).toBeGreaterThan(0)
  // Inside the project, so that packages and the paths of tsconfig.json are found.
  const directory = await mkdtemp(join(root, '.snippets-'))
  try {
    const pageOf = new Map<string, string>()
    for (const [i, blocks] of modules.entries()) {
      const name = `${blocks[0]!.page.replace(/\W+/g, '-')}-${i}`
      pageOf.set(name, blocks[0]!.page)
      await mkdir(join(directory, name))
      await writeFile(join(directory, name, 'block.ts'), textOf(blocks))
    }
    const config = {
      extends: '../tsconfig.json',
      compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
      include: ['**/*.ts'],
      exclude: [],
    }
    await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(config))
    const problems = await typeCheck(join(directory, 'tsconfig.json'))
    expect(
      problems.map(
        ({ file, line, message, reasons }) =>
          `${pageOf.get(file.split('/')[1]!) ?? basename(file)}:${line} ${message} ${reasons.join(' ')}`,
      ),
    ).toEqual([])
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}, 60_000)

/** The blocks that make one module each. */
function modulesOf(blocks: readonly CodeBlock[]): CodeBlock[][] {
  const modules: CodeBlock[][] = []
  for (const block of blocks) {
    if (block.info === 'ts') modules.push([block])
    else if (block.info === 'ts continued') modules.at(-1)?.push(block)
  }
  return modules
}

/** Each block at its own line, so that an error names the line of the page. */
function textOf(blocks: readonly CodeBlock[]): string {
  let text = ''
  let line = 1
  for (const block of blocks) {
    text += '\n'.repeat(Math.max(0, block.line - line)) + block.code + '\n'
    line = block.line + block.code.split('\n').length
  }
  return `${text}export {}\n`
}
