import { fileURLToPath } from 'node:url'
import { figure, within } from '../figure.js'
import { lifeOf, lifeOfNode } from '../parts/life-of-process.js'

const program = fileURLToPath(new URL('../parts/first-record.js', import.meta.url))

export const startFirstRecord = figure({
  what: 'a process from its start until one record is in a memory sink, against the whole life of node -e 0',
  unit: 'ms',
  sides: {
    ours: () => ({ run: () => lifeOf([program], /^1 record\n$/) }),
    node: () => ({ run: lifeOfNode }),
  },
  runs: 15,
  warmUps: 2,
  comparisons: [{ ours: 'ours', limit: 'node', goal: within(400, 'ms') }],
})
