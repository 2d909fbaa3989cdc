import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { figure, within } from '../figure.js'
import { lifeOf, lifeOfNode } from '../parts/life-of-process.js'
import { millrace } from '../parts/millrace-command.js'

const config = `
import { decode, defineConfig, definePipeline, memoryQuarantine, memorySink, memorySource, validate } from 'millrace'

export default defineConfig({
  pipelines: {
    first: definePipeline({
      name: 'first',
      source: memorySource([Buffer.from('{"id":1}')]),
      steps: records => records.pipe(decode('json'), validate({ type: 'object', properties: { id: { type: 'integer' } } })),
      sink: memorySink(),
      onFailure: memoryQuarantine(),
    }),
  },
})
`

export const cliFirstRecord = figure({
  what: 'millrace run --json of a config in JavaScript, from its start until its one record is in a memory sink and told, against the whole life of node -e 0',
  unit: 'ms',
  sides: {
    async ours() {
      // Beside the packages, as a project has them: what was compiled is kept there.
      const directory = await mkdtemp(join(dirname(millrace), '../../.millrace', 'bench-config-'))
      const file = join(directory, 'millrace.config.js')
      await writeFile(file, config)
      return {
        run: () => lifeOf([millrace, '-c', file, 'run', '--json'], /^\{"delivered":1,.*\}\n$/),
        close: () => rm(directory, { recursive: true }),
      }
    },
    node: () => ({ run: lifeOfNode }),
  },
  runs: 15,
  warmUps: 2,
  comparisons: [{ ours: 'ours', limit: 'node', goal: within(400, 'ms') }],
})
