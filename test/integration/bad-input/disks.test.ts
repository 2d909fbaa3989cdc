import { execFileSync } from 'node:child_process'
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { fileQuarantine, postgres } from '../../../src/index.js'
import { asUser } from '../../harness/as-user.js'
import { describePostgres, withDatabase } from '../../harness/database.js'
import { FileJob } from '../../harness/file-job.js'
import { filesIn } from '../../harness/files-run.js'

/** A disk of 256 KiB; false where this process may not mount. */
function mountSmallDisk(path: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', path], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

describePostgres('a quarantine in files', () => {
  const given = withDatabase()
  const server = () => postgres({ connection: given.connection })
  const content = Array.from({ length: 40 }, (_, i) => `{"id":${i % 2 === 0 ? i : `"bad ${'x'.repeat(20_000)}"`}}\n`).join('')
  const good = Array.from({ length: 20 }, (_, i) => i * 2)

  it('whose disk is full waits for room, and then loses and doubles nothing', async ({ skip }) => {
    const root = await filesIn({ in: content })
    const disk = join(root, 'disk')
    await mkdir(disk)
    if (!mountSmallDisk(disk)) {
      console.error('\nNOT TESTED: a full disk, for this process may not mount one.\n')
      skip()
    }
    try {
      const blocker = join(disk, 'blocker')
      await writeFile(blocker, Buffer.alloc(100 * 1024))
      const job = new FileJob({ database: server(), root, paths: 'in', quarantine: fileQuarantine(join(disk, 'quarantine')) })
      const run = job.pipeline.start()
      while (run.snapshot().state !== 'waiting') await new Promise(resolve => setImmediate(resolve))
      await rm(blocker)
      execFileSync('mount', ['-o', 'remount,size=4m', disk])
      expect(await run.finished).toMatchObject({ delivered: 20, quarantined: 20 })
      expect(await job.ids()).toEqual(good)
      expect((await job.entries()).map(({ raw }) => raw.byteLength)).toEqual(Array(20).fill(20_013))
      expect((await job.run()).summary).toMatchObject({ delivered: 0, quarantined: 0 })
    } finally {
      execFileSync('umount', [disk])
    }
  })

  it('in a directory without rights ends the run, clearly, and with rights all comes', async () => {
    const root = await filesIn({ in: content })
    const directory = join(root, 'quarantine')
    await mkdir(directory)
    await chmod(directory, 0o555)
    await chmod(root, 0o755)
    const job = new FileJob({ database: server(), root, paths: 'in', quarantine: fileQuarantine(directory) })
    await asUser('nobody', async () => {
      const { error } = await job.run()
      expect(error).toMatchObject({ code: 'MILL_QUARANTINE_FAILED', cause: { code: 'MILL_STORE_FAILED' } })
      expect((error!.cause as Error).message).toMatch(/^quarantine in .*quarantine failed in put: EACCES/)
    })
    await chmod(directory, 0o755)
    await job.run()
    expect(await job.ids()).toEqual(good)
    expect(await job.entries()).toHaveLength(20)
    expect((await job.run()).summary).toMatchObject({ delivered: 0, quarantined: 0 })
  })
})
