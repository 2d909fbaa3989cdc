import { execFile } from 'node:child_process'
import { mkdir, readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { describeKafka, withKafka } from '../harness/kafka.js'
import { runMillrace } from '../harness/millrace-command.js'
import { projects } from '../harness/project.js'
import { root } from '../harness/source-files.js'

const project = projects()

describeKafka('millrace init --template kafka', () => {
  const kafka = withKafka()

  it('writes a project that passes its check, its run and its own test', async () => {
    const parent = await project({})
    expect(await runMillrace(['init', 'signups', '--template', 'kafka'], { cwd: parent })).toMatchObject({ status: 0 })
    const cwd = join(parent, 'signups')
    await mkdir(join(cwd, 'node_modules'))
    await symlink(root, join(cwd, 'node_modules/millrace'))
    await symlink(join(root, 'node_modules/rxjs'), join(cwd, 'node_modules/rxjs'))

    const topic = await kafka.createTopic(2)
    const lines = (await readFile(join(cwd, 'data/signups.ndjson'), 'utf8')).trimEnd().split('\n')
    await kafka.produce(
      topic,
      lines.map(value => ({ value })),
    )
    const env = { KAFKA_BROKERS: kafka.brokers.join(','), KAFKA_TOPIC: topic }
    expect(await runMillrace(['check'], { cwd, env })).toMatchObject({ status: 0, out: expect.stringContaining('no problem') })
    const { status, out, err } = await runMillrace(['run', '--drain', '--json'], { cwd, env })
    expect(status, err).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ delivered: 7, skipped: 1, quarantined: 2 })
    const tested = await promisify(execFile)(process.execPath, ['--test'], { cwd, env: { PATH: process.env['PATH'] } })
    expect(tested.stdout).toMatch(/pass 2\n.*fail 0/s)
  }, 240_000)
})
