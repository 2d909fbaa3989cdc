import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A directory with these files, by path; gone when the test is over. */
export async function directoryWith(files: Readonly<Record<string, string | object>>): Promise<string> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'millrace-config-')))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  for (const [path, content] of Object.entries(files)) {
    const file = join(directory, path)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content, null, 2))
  }
  return directory
}

/** What a promise rejects with; an error where it does not. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  const outcome = await promise.then(
    () => null,
    (error: unknown) => ({ error }),
  )
  if (outcome === null) throw new Error('it did not fail')
  return outcome.error
}
