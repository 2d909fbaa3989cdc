import { existsSync } from 'node:fs'
import { posix } from 'node:path'
import { join } from 'node:path/posix'
import { describe, expect, it } from 'vitest'
import { version } from '../../src/core/version.js'
import { anchors, pages, prose } from '../harness/pages.js'
import { fileAt, root, trackedPaths, withoutComments } from '../harness/source-files.js'

/** The names that `millrace` gives out, types included. */
function publicNames(): string[] {
  const names: string[] = []
  for (const [, list] of withoutComments(fileAt('src/index.ts').text).matchAll(/export\s+(?:type\s+)?\{([^}]*)\}/g)) {
    for (const item of list!.split(',')) {
      const name = item
        .trim()
        .replace(/^type\s+/, '')
        .split(/\s+as\s+/)
        .at(-1)!
      if (name !== '') names.push(name)
    }
  }
  return names
}

describe('the project', () => {
  it('says the same version in package.json, in the code and in the change log', () => {
    expect(JSON.parse(fileAt('package.json').text).version).toBe(version)
    expect(fileAt('CHANGELOG.md').text).toContain(`## ${version}`)
  })

  it('explains each public name somewhere', () => {
    const text = pages()
      .map(page => page.text)
      .join('\n')
    const words = new Set(text.match(/[A-Za-z_$][\w$]*/g))
    expect(publicNames().filter(name => !words.has(name))).toEqual([])
  })

  it('names no registry and no place on a machine in what git tracks', () => {
    // Put together here, so that this file does not find itself.
    const forbidden = ['/wo' + 'rk/', '/ro' + 'ot/', 'registry.' + 'npmjs', 'registry.' + 'yarnpkg', 'deb.' + 'debian', 'pypi.' + 'org']
    const found = trackedPaths()
      .filter(path => existsSync(join(root, path)))
      .flatMap(path => {
        const { text } = fileAt(path)
        return forbidden.filter(word => text.includes(word)).map(word => `${path}: ${word}`)
      })
    expect(found).toEqual([])
  })

  it('keeps a lock file without addresses, and with every platform', () => {
    const lock = JSON.parse(fileAt('package-lock.json').text) as {
      packages: Record<string, { resolved?: string; optionalDependencies?: object }>
    }
    const entries = Object.entries(lock.packages)
    expect(entries.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path)).toEqual([])
    // npm ci refuses a lock file that lacks an optional package of another platform.
    const missing = entries
      .flatMap(([, { optionalDependencies = {} }]) => Object.keys(optionalDependencies))
      .filter(name => !lock.packages[`node_modules/${name}`])
    expect(missing).toEqual([])
  })
})

describe('the pages', () => {
  it('link to what is there', () => {
    const broken = pages().flatMap(({ path, text }) =>
      [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link]) => {
        if (/^[a-z]+:/.test(link!)) return []
        const [file, anchor] = link!.split('#') as [string, string?]
        const target = file === '' ? path : posix.join(posix.dirname(path), file)
        if (!existsSync(join(root, target))) return [`${path}: ${link}`]
        return anchor && target.endsWith('.md') && !anchors(fileAt(target).text).has(anchor) ? [`${path}: ${link} (no such heading)`] : []
      }),
    )
    expect(broken).toEqual([])
  })
})
