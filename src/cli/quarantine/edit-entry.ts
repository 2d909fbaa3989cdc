import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { QuarantineEntry } from '../../core/quarantine.js'
import type { Frame } from '../frame.js'
import { UsageError } from '../usage-error.js'
import { textOf } from './bytes-lines.js'
import { jsonLines } from './json-lines.js'

/**
 * Opens the text of an entry in the user's editor.
 *
 * @returns The bytes as they were left; null where nothing was changed.
 * @throws {UsageError} Where the bytes are no text.
 */
export async function editEntry({ env }: Frame, entry: QuarantineEntry): Promise<Uint8Array | null> {
  const text = textOf(entry.raw)
  if (text === undefined) throw new UsageError(`entry ${entry.id} is not text: export it, change its bytes, and import it`)
  const directory = await mkdtemp(join(tmpdir(), 'millrace-edit-'))
  try {
    // Its ending tells the editor how to colour it. Nobody else may read it: it is a record.
    const file = join(directory, jsonLines(text) === undefined ? 'record.txt' : 'record.json')
    await writeFile(file, entry.raw, { mode: 0o600 })
    await runEditor(env['VISUAL'] || env['EDITOR'] || 'vi', file)
    const after = await readFile(file)
    // Editors end the last line; a record mostly has no such end.
    const isEnded = after.at(-1) === LF && entry.raw.at(-1) !== LF
    const bytes = isEnded ? after.subarray(0, -1) : after
    return Buffer.compare(bytes, entry.raw) === 0 ? null : bytes
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const LF = 10

/** By a shell, as git does: $EDITOR may have options. */
function runEditor(editor: string, file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit' })
    child.on('error', reject)
    child.on('close', status => {
      if (status === 0) resolve()
      else reject(new Error(`${editor} ended with ${status ?? 'a signal'}: nothing was replayed`))
    })
  })
}
