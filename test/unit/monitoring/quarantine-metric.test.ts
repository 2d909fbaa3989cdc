import { metricsOf } from 'millrace/monitoring'
import { memoryQuarantine } from 'millrace/testing'
import { expect, test } from 'vitest'
import type { Quarantine } from '../../../src/core/quarantine.js'
import { definePipeline } from '../../../src/runtime/pipeline.js'
import { supervise } from '../../../src/runtime/supervisor.js'
import { parseMetrics } from '../../harness/prometheus-text.js'
import { FedSource, gate, NotingQuarantine, NotingSink, virtualClock } from '../runtime/parts.js'

async function entriesOf(quarantines: readonly (Quarantine | 'halt')[]): Promise<readonly (readonly [string | undefined, number])[]> {
  const clock = virtualClock()
  const pipelines = quarantines.map((onFailure, i) =>
    definePipeline({
      name: `p${i}`,
      source: new FedSource().source,
      steps: records => records,
      sink: new NotingSink<number>().sink,
      onFailure,
    }),
  )
  const supervisor = supervise(pipelines, { clock })
  const metrics = metricsOf(supervisor)
  const { samples } = parseMetrics(await metrics.text())
  await clock.until(supervisor.stop())
  return samples
    .filter(({ name }) => name === 'millrace_quarantine_entries')
    .map(({ labels, value }) => [labels['quarantine'], value] as const)
}

const counting = (name: string, count: NonNullable<Quarantine['count']>): Quarantine => ({
  ...new NotingQuarantine().quarantine,
  name,
  count,
})

test('each quarantine that can count is a series, though pipelines share it', async () => {
  const shared = counting('shared', async () => 7)
  const given = [shared, counting('shared', async () => 7), memoryQuarantine(), new NotingQuarantine().quarantine, 'halt'] as const
  expect(await entriesOf(given)).toEqual([
    ['shared', 7],
    ['memory', 0],
  ])
})

test('one that cannot be asked is left out, and keeps nobody waiting', async () => {
  const never = gate<number>()
  const before = performance.now()
  const broken = counting('broken', () => {
    throw new Error('no')
  })
  const given = [
    counting('hangs', () => never.promise),
    counting('fails', () => Promise.reject(new Error('no'))),
    broken,
    counting('counts', async () => 1),
  ]
  expect(await entriesOf(given)).toEqual([['counts', 1]])
  expect(performance.now() - before).toBeLessThan(5_000)
})
