import { describe, inject } from 'vitest'
import { KafkaTools } from './kafka-tools.js'
import { KafkaPrograms } from './servers/kafka-programs.js'
import { ServerMissing } from './servers/server.js'

// The rule by which a test gets Kafka: its file, or the folder directly below test/integration, test/chaos, test/behaviours or test/examples in which
// it lies, has a name that begins with `kafka` (vitest.config.ts, project `kafka`). These are what `npm run test:kafka4` runs on Kafka 4. They get the
// Postgres of the other tests too (database.ts). Unit tests on a fake lie in test/unit and get neither.

const address = inject('kafka')
if (address === undefined)
  throw new Error('tests that need Kafka have a file or folder kafka* in test/integration, chaos, behaviours or examples')

/** `describe` for tests that need the real Kafka; skipped where none could be started (under CI that is an error before any test). */
export const describeKafka: typeof describe = (address === null ? describe.skip : describe) as typeof describe

/** `describe` for tests that stop and kill the broker, or need one with credentials: one of their own, of this machine's Java ({@link LocalKafka}). */
export const describeOwnKafka: typeof describe = (await isOwnPossible()) ? describe : (describe.skip as typeof describe)

async function isOwnPossible(): Promise<boolean> {
  try {
    await KafkaPrograms.ready()
    return true
  } catch (error) {
    // Under CI they run all the same: and fail with what is missing.
    if (!(error instanceof ServerMissing) || process.env['CI']) return true
    console.error(`\nNOT TESTED: what needs a Kafka of its own: ${error.message}.\n`)
    return false
  }
}

/** The Kafka that all tests share, with what tests do there. Its topics stay; each test makes its own. */
export function withKafka(): KafkaTools {
  return new KafkaTools(address ?? '127.0.0.1:1')
}
