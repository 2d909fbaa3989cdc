// Loads the config that argv names, and makes its pipelines: for tests of what that costs.
import { loadConfig } from '../../../src/config/load-config.js'
import { kinds } from '../../../src/pipelines/kinds.js'

const loaded = await loadConfig(process.argv[2]!, { kinds, env: process.env })
for (const name of loaded.names) await loaded.pipeline(name)
console.log(JSON.stringify(loaded.names))
