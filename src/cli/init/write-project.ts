import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import type { Frame } from '../frame.js'
import { UsageError } from '../usage-error.js'
import { filesTemplate } from './files-template.js'
import { kafkaTemplate } from './kafka-template.js'

const templates = { files: filesTemplate, kafka: kafkaTemplate } as const

/** Writes the project of a template, where none of its files is there yet. */
export async function writeProject(frame: Frame, given: string, template: keyof typeof templates): Promise<void> {
  const directory = resolve(frame.cwd, given)
  const files = Object.entries(templates[template](packageName(directory)))
  const there = files.map(([path]) => path).filter(path => existsSync(join(directory, path)))
  if (there.length > 0) throw new UsageError(`${directory} has ${there.join(', ')} already; nothing was written`)
  for (const [path, text] of files) {
    const file = join(directory, path)
    await mkdir(dirname(file), { recursive: true })
    // Fails where somebody was quicker.
    await writeFile(file, text, { flag: 'wx' })
  }
  const cd = directory === frame.cwd ? '' : `  cd ${relative(frame.cwd, directory)}\n`
  frame.print(`wrote ${files.length} files into ${directory}\n${cd}  npm install\n  npx millrace check\n  npx millrace run\n  npm test\n`)
}

/** A name that npm takes, after the directory. */
function packageName(directory: string): string {
  const name = basename(directory)
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '')
  return name === '' || name === 'millrace' ? 'signups' : name
}
