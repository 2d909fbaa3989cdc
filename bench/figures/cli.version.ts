import { figure, within } from '../figure.js'
import { lifeOf, lifeOfNode } from '../parts/life-of-process.js'
import { millrace } from '../parts/millrace-command.js'

export const cliVersion = figure({
  what: 'millrace --version from its start until it says something, against the whole life of node -e 0',
  unit: 'ms',
  sides: {
    ours: () => ({ run: () => lifeOf([millrace, '--version'], /^\d+\.\d+\.\d+\n$/) }),
    node: () => ({ run: lifeOfNode }),
  },
  runs: 15,
  warmUps: 2,
  comparisons: [{ ours: 'ours', limit: 'node', goal: within(150, 'ms') }],
})
