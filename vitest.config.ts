import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// Tests of these folders get real servers; the others must do without, and start at once. Kafka is only for those of that name.
const onKafka = [
  'test/{integration,chaos,behaviours,examples}/kafka*.test.ts',
  'test/{integration,chaos,behaviours,examples}/kafka*/**/*.test.ts',
]
const onServers = ['test/integration/**/*.test.ts', 'test/chaos/**/*.test.ts']
const started = { globalSetup: 'test/harness/global-setup.ts', testTimeout: 120_000 }

export default defineConfig({
  resolve: {
    alias: [
      { find: /^millrace\/testing$/, replacement: at('src/testing/index.ts') },
      { find: /^millrace\/monitoring$/, replacement: at('src/monitoring/index.ts') },
      { find: /^millrace$/, replacement: at('src/index.ts') },
    ],
  },
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    setupFiles: ['test/harness/leaks.ts'],
    projects: [
      { extends: true, test: { name: 'code', include: ['test/**/*.test.ts'], exclude: [...onServers, ...onKafka] } },
      { extends: true, test: { name: 'servers', include: onServers, exclude: onKafka, ...started } },
      { extends: true, test: { name: 'kafka', include: onKafka, ...started } },
    ],
  },
})
