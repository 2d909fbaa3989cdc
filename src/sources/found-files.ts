import { type Dirent, readdir } from 'node:fs'
import { lstat, realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path'
import { type FileSystemAdapter, glob } from 'tinyglobby'
import type { MillraceError } from '../core/errors.js'
import { fileError } from './file-error.js'

/** Bounds the promises at hand, not the files: Node looks at four at a time. */
const LOOKS_AT_ONCE = 256

/** A file that the patterns name. */
export interface FoundFile {
  readonly path: string
  /** Its path relative to the root, with forward slashes. */
  readonly partition: string
  /** In bytes, when it was found. */
  readonly size: number
}

/** Where is looked, and for what. */
export interface FindOptions {
  readonly patterns: readonly string[]
  readonly root: string
  readonly followLinks: boolean
}

/**
 * The files that the patterns name, sorted by partition, each once; and what could not be looked into. Hidden files come only where a pattern
 * spells out the dot, links only with `followLinks`.
 */
export async function findFiles({ patterns, root, followLinks }: FindOptions): Promise<{
  readonly files: readonly FoundFile[]
  readonly unreadable: readonly MillraceError[]
}> {
  const unreadable: MillraceError[] = []
  const nameOf = (path: string) => relative(root, path).split(sep).join('/') || '.'
  const matches = await glob(patterns, {
    cwd: root,
    onlyFiles: true,
    expandDirectories: false,
    followSymbolicLinks: followLinks,
    // tinyglobby passes over directories that it cannot read; their records would be lost without a word.
    fs: noting(error => unreadable.push(fileError(nameOf(error.path), error))),
  })
  const links = new LinkCheck(root)
  const look = async (path: string): Promise<SeenFile | null> => {
    const partition = nameOf(path)
    try {
      if (followLinks) return { path, partition, size: (await stat(path)).size, realPath: await realpath(path) }
      if (await links.leadsOver(dirname(path))) return null
      const stats = await lstat(path)
      return stats.isSymbolicLink() ? null : { path, partition, size: stats.size, realPath: path }
    } catch (error) {
      unreadable.push(fileError(partition, error))
      return null
    }
  }
  const paths = [...new Set(matches.map(match => resolve(root, match)))].sort()
  const seen: SeenFile[] = []
  for (let i = 0; i < paths.length; i += LOOKS_AT_ONCE) {
    const some = await Promise.all(paths.slice(i, i + LOOKS_AT_ONCE).map(look))
    seen.push(...some.filter(file => file !== null))
  }
  const files = once(seen).sort((one, other) => (one.partition < other.partition ? -1 : 1))
  return { files, unreadable }
}

interface SeenFile extends FoundFile {
  readonly realPath: string
}

/** A file that links lead to from several names is read under its own name, else under the first. */
function once(seen: readonly SeenFile[]): SeenFile[] {
  const files = new Map<string, SeenFile>()
  for (const file of seen) {
    if (!files.has(file.realPath) || file.path === file.realPath) files.set(file.realPath, file)
  }
  return [...files.values()]
}

type Listed = (error: NodeJS.ErrnoException | null, entries?: Dirent[]) => void

/** A file system that tells of directories which cannot be read. One that is not there is no error: a pattern may name it in vain. */
function noting(onError: (error: NodeJS.ErrnoException & { readonly path: string }) => void): FileSystemAdapter {
  const list = (path: string, options: { withFileTypes: true }, done: Listed) =>
    readdir(path, options, (error, entries) => {
      if (error !== null && error.code !== 'ENOENT' && error.code !== 'ENOTDIR') onError(Object.assign(error, { path }))
      done(error, entries)
    })
  return { readdir: list as unknown as typeof readdir }
}

/** Whether a path leads over a symbolic link below the root: a pattern's fixed beginning (`link/*.csv`) would be followed by the search itself. */
class LinkCheck {
  private readonly known = new Map<string, Promise<boolean>>()

  constructor(private readonly root: string) {}

  leadsOver(path: string): Promise<boolean> {
    if (this.isAbove(path)) return Promise.resolve(false)
    let known = this.known.get(path)
    if (known === undefined) {
      known = this.look(path)
      this.known.set(path, known)
    }
    return known
  }

  private async look(path: string): Promise<boolean> {
    if (await this.leadsOver(dirname(path))) return true
    return lstat(path).then(
      stats => stats.isSymbolicLink(),
      () => false,
    )
  }

  /** The root itself and what it lies in were asked for as they are. */
  private isAbove(path: string): boolean {
    const down = relative(path, this.root)
    return down === '' || (!down.startsWith('..') && !isAbsolute(down)) || path === dirname(path)
  }
}
