import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { root } from './source-files.js'

/** A program made of the project's TypeScript, ready for `node`; packages stay outside. Compiling it for each start would take longer than the test. */
export async function bundle(path: string): Promise<{ readonly program: string; readonly remove: () => Promise<void> }> {
  // Inside the project, so that packages are found.
  const directory = await mkdtemp(join(root, '.snippets-'))
  const program = join(directory, 'program.mjs')
  await build({
    entryPoints: [join(root, path)],
    outfile: program,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    alias: {
      millrace: join(root, 'src/index.ts'),
      'millrace/testing': join(root, 'src/testing/index.ts'),
      'millrace/monitoring': join(root, 'src/monitoring/index.ts'),
    },
    sourcemap: 'inline',
    logLevel: 'error',
  })
  return { program, remove: () => rm(directory, { recursive: true, force: true }) }
}
