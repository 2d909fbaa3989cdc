import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll } from 'vitest'

/** Directories of their own for commands to run in, taken away after the last test of the file. Call it at the top of the file. */
export function projects(): (files: Readonly<Record<string, string>>) => Promise<string> {
  const made: string[] = []
  afterAll(() => Promise.all(made.map(directory => rm(directory, { recursive: true, force: true }))))
  return async files => {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-project-'))
    made.push(directory)
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(directory, path)), { recursive: true })
      await writeFile(join(directory, path), text)
    }
    return directory
  }
}
