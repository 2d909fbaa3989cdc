import { systemClock } from '../../core/clock.js'
import { errorText } from '../../core/error-report.js'
import { isMillraceError } from '../../core/errors.js'
import type { Finding, InspectionContext } from '../../core/inspection.js'
import type { KafkaDriver } from './driver.js'
import type { Inspector } from './inspector.js'

/** All that is asked of a cluster, its requests being bounded one by one. ms. */
const WHOLE_MS = 20_000

/**
 * Connects to a cluster within some seconds, says how it is reached where this part is the first to ask, and lets the part look. Changes nothing.
 */
export async function* inspectCluster(
  driver: KafkaDriver,
  context: InspectionContext,
  look: (inspector: Inspector) => AsyncIterable<Finding>,
): AsyncGenerator<Finding> {
  const isFirst = context.first(`kafka ${driver.name}`)
  if (driver.openInspector === undefined) return
  const begun = performance.now()
  let inspector: Inspector
  try {
    inspector = await driver.openInspector()
  } catch (error) {
    if (isFirst) yield unreachable(driver.name, error)
    return
  }
  const connectMs = performance.now() - begun
  const close = (): void => void inspector.close().catch(() => {})
  const cancel = systemClock.after(WHOLE_MS, close)
  context.signal.addEventListener('abort', close, { once: true })
  try {
    if (isFirst) yield* ofBrokers(driver.name, inspector, connectMs)
    yield* look(inspector)
  } catch (error) {
    yield refused(`Kafka ${driver.name} did not answer a question of the inspection`, error)
  } finally {
    cancel()
    context.signal.removeEventListener('abort', close)
    await inspector.close().catch(() => {})
  }
}

/** A fault by what the cluster answered: of a missing right, of a broker that is away, or of something else. */
export function refused(what: string, error: unknown, fix?: string): Finding {
  const isRight = isMillraceError(error, 'MILL_KAFKA_REFUSED') && /no right/.test(error.details.reason)
  const [cause, way] = reasonOf(error)
  const told = fix ?? way
  return {
    level: 'fault',
    what,
    cause,
    ...(told !== undefined && { fix: told }),
    ...(isRight && { kind: 'not-allowed' as const }),
    ...(isMillraceError(error, 'MILL_KAFKA_AWAY') && { kind: 'unavailable' as const }),
  }
}

async function* ofBrokers(name: string, inspector: Inspector, connectMs: number): AsyncGenerator<Finding> {
  const brokers = await inspector.brokers()
  const count = brokers.length === 1 ? 'one broker' : `${brokers.length} brokers`
  yield { level: 'ok', what: `Kafka ${name} answers in ${Math.max(1, Math.round(connectMs))} ms, ${count}` }
  for (const { address, failure } of brokers) {
    if (failure === undefined) continue
    const fix = 'start that broker, or correct its advertised.listeners: it must be an address that this machine can reach'
    yield { ...refused(`broker ${address} of Kafka ${name} cannot be reached`, failure, fix), kind: 'unavailable' }
  }
}

function unreachable(name: string, error: unknown): Finding {
  const [cause, way] = reasonOf(error)
  if (isMillraceError(error, 'MILL_KAFKA_AWAY'))
    return { level: 'fault', what: `Kafka ${name} is away`, cause, fix: way ?? 'start a broker, or correct brokers', kind: 'unavailable' }
  const isLogin = /user name or password|sasl|certificate: set ssl.cert/i.test(errorText(error))
  return {
    level: 'fault',
    what: isLogin ? `Kafka ${name} does not take the credentials` : `Kafka ${name} refuses the connection`,
    cause,
    fix: way ?? 'do as the broker says',
    kind: isLogin ? 'not-allowed' : 'config',
  }
}

/** A reason of `kafkaError` ends with what cures it: after a semicolon, or in brackets. */
function reasonOf(error: unknown): readonly [cause: string, fix: string | undefined] {
  const isOwn = isMillraceError(error, 'MILL_KAFKA_AWAY') || isMillraceError(error, 'MILL_KAFKA_REFUSED')
  const reason = isOwn ? error.details.reason : errorText(error)
  const [, cause, way] = /^(.*?)(?:; | \((?=check |nothing listens|no answer|no host|no way))(.*?)\)?$/s.exec(reason) ?? []
  return cause === undefined ? [reason, undefined] : [cause, way]
}
