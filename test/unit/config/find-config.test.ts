import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { configEndings, findConfig } from '../../../src/config/find-config.js'
import { directoryWith } from '../../harness/config-files.js'

describe('findConfig', () => {
  it.each(configEndings)('finds millrace.config.%s in the directory itself', async ending => {
    const directory = await directoryWith({ [`millrace.config.${ending}`]: '' })
    expect(await findConfig(directory)).toBe(join(directory, `millrace.config.${ending}`))
  })

  it('goes upward, and takes the nearest', async () => {
    const directory = await directoryWith({ 'millrace.config.ts': '', 'a/millrace.config.yaml': '', 'a/b/c/other.txt': '' })
    expect(await findConfig(join(directory, 'a/b/c'))).toBe(join(directory, 'a/millrace.config.yaml'))
    expect(await findConfig(directory)).toBe(join(directory, 'millrace.config.ts'))
  })

  it('names both where a directory has two', async () => {
    const directory = await directoryWith({ 'millrace.config.ts': '', 'millrace.config.json': '' })
    await expect(findConfig(directory)).rejects.toMatchObject({
      code: 'MILL_CONFIG_AMBIGUOUS',
      message: `${directory} has 2 configs: millrace.config.json, millrace.config.ts`,
    })
  })

  it('takes one that is named, relative to the directory, beside others', async () => {
    const directory = await directoryWith({ 'millrace.config.ts': '', 'millrace.config.json': '', 'etc/other.yaml': '' })
    expect(await findConfig(directory, 'millrace.config.json')).toBe(join(directory, 'millrace.config.json'))
    expect(await findConfig(directory, 'etc/other.yaml')).toBe(join(directory, 'etc/other.yaml'))
    expect(await findConfig('/', join(directory, 'etc/other.yaml'))).toBe(join(directory, 'etc/other.yaml'))
  })

  it('does not look elsewhere for one that is named and absent', async () => {
    const directory = await directoryWith({ 'millrace.config.ts': '', 'etc/file': '' })
    await expect(findConfig(directory, 'millrace.config.json')).rejects.toMatchObject({
      code: 'MILL_CONFIG_MISSING',
      message: `there is no config millrace.config.json (${join(directory, 'millrace.config.json')})`,
    })
    await expect(findConfig(directory, 'etc')).rejects.toMatchObject({
      code: 'MILL_CONFIG_MISSING',
      message: expect.stringContaining('is a directory'),
    })
  })

  it('says where it has looked', async () => {
    const directory = await directoryWith({ 'a/file': '' })
    await expect(findConfig(join(directory, 'a'))).rejects.toMatchObject({
      code: 'MILL_CONFIG_MISSING',
      message: `there is no config millrace.config.{ts,mts,js,mjs,json,toml,yaml,yml} in ${join(directory, 'a')} or above it`,
    })
  })
})
