import { existsSync } from 'node:fs'

/** The directory of this package, with `package.json` and `docs`. */
export const packageRoot: URL = rootAbove(new URL('.', import.meta.url))

const built = new URL('dist/', packageRoot)

/** Where the code that runs lies: `dist`, or `src` under a loader that compiles. What is built together lies in other files than it was written in. */
export const codeRoot: URL = import.meta.url.startsWith(built.href) ? built : new URL('src/', packageRoot)

function rootAbove(directory: URL): URL {
  if (existsSync(new URL('package.json', directory))) return directory
  const above = new URL('..', directory)
  return above.href === directory.href ? directory : rootAbove(above)
}
