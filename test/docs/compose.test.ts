import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseDocument } from 'yaml'
import { kafkaServer } from '../harness/servers/kafka.js'
import { brokerSettings } from '../harness/servers/local-kafka.js'
import { postgresServer } from '../harness/servers/postgres.js'
import { root } from '../harness/source-files.js'

// What can be held without Docker: that the file is what the tests take it for. Where Docker answers, they start their servers by it.

const text = readFileSync(join(root, 'docker-compose.yml'), 'utf8')
const document = parseDocument(text, { uniqueKeys: true })
const { services } = document.toJS() as { services: Record<string, Service> }
interface Service {
  readonly image: string
  readonly environment: Readonly<Record<string, string | number>>
  readonly ports: readonly string[]
  readonly healthcheck: { readonly test: readonly string[] }
}

describe('docker-compose.yml', () => {
  it('is well-formed', () => expect(document.errors).toEqual([]))

  it.each([postgresServer, kafkaServer])(
    'has a service for $name, where the tests look for it, and a check by which it is waited for',
    server => {
      const { ports, healthcheck, image } = services[server.name]!
      const { port, portVariable } = server.compose
      expect(ports).toEqual([`127.0.0.1:\${${portVariable}:-${port}}:${port}`])
      expect(healthcheck.test[0]).toBe('CMD')
      expect(image).not.toMatch(/:latest$|^[^:]*$/)
    },
  )

  it("runs the Kafka of this machine's tests: the same version, and its settings", () => {
    const { image, environment } = services['kafka']!
    expect(image).toBe(`apache/kafka:\${KAFKA_VERSION:-3.9.2}`)
    const ofMachine = Object.entries(brokerSettings).filter(([name]) => !ofMachineAlone.has(name))
    for (const [name, value] of ofMachine) {
      const variable = `KAFKA_${name.toUpperCase().replaceAll('.', '_')}`
      expect(`${environment[variable]}`, variable).toBe(value)
    }
  })

  it('tells clients of an address that they reach', () => {
    const { environment } = services['kafka']!
    const namesOf = (list: unknown) => `${list}`.split(',').map(entry => entry.split('://')[0]!)
    expect(namesOf(environment['KAFKA_ADVERTISED_LISTENERS'])).toEqual(['HOST', 'INTERNAL'])
    expect(environment['KAFKA_ADVERTISED_LISTENERS']).toContain(`HOST://127.0.0.1:\${${kafkaServer.compose.portVariable}:-9092}`)
    expect(namesOf(environment['KAFKA_LISTENERS'])).toEqual(['HOST', 'INTERNAL', 'CONTROLLER'])
    expect(`${environment['KAFKA_INTER_BROKER_LISTENER_NAME']}`).toBe('INTERNAL')
  })
})

/** Of brokers that are killed and started again, and of files that are small: no test does that to the composed one. */
const ofMachineAlone = new Set(['broker.session.timeout.ms', 'broker.heartbeat.interval.ms', 'log.segment.bytes'])
