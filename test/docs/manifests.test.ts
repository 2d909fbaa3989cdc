import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { root } from '../harness/source-files.js'

const folder = join(root, 'docs/kubernetes')
const load = (name: string) => {
  const documents = parseAllDocuments(readFileSync(join(folder, name), 'utf8'), { uniqueKeys: true })
  for (const document of documents) expect(document.errors).toEqual([])
  expect(documents).toHaveLength(1)
  return documents[0]!.toJS()
}

describe('the Kubernetes manifests', () => {
  it.each(readdirSync(folder))('%s is one object that says that it was not run', name => {
    expect(load(name)).toMatchObject({ apiVersion: expect.any(String), kind: expect.any(String), metadata: { name: 'signups' } })
    expect(readFileSync(join(folder, name), 'utf8')).toContain('was not run on a cluster here')
  })

  it('gives a member longer to stop than the run may take', () => {
    const { spec } = load('topic-to-postgres.yaml')
    expect(spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThan(25)
    expect(spec.selector.matchLabels).toEqual(spec.template.metadata.labels)
    expect(spec.strategy.rollingUpdate).toEqual({ maxSurge: 0, maxUnavailable: 1 })
  })

  it('scales the deployment on the lag of its own group', () => {
    const { spec } = load('autoscale-on-lag.yaml')
    expect(spec.scaleTargetRef.name).toBe(load('topic-to-postgres.yaml').metadata.name)
    expect(spec.triggers).toMatchObject([
      { type: 'kafka', metadata: { consumerGroup: 'signups', lagThreshold: expect.stringMatching(/^\d+$/) } },
    ])
  })
})
