import {
  definePipeline,
  type KafkaSourceOptions,
  kafkaSource,
  type Limits,
  type MemorySink,
  memorySink,
  type Pipeline,
  transform,
} from 'millrace'
import type { KafkaTools } from './kafka-tools.js'
import { until } from './servers/server.js'

/** A pipeline that reads texts of a topic into memory. */
export interface TextsIntoMemory {
  readonly sink: MemorySink<string>
  readonly pipeline: Pipeline
}

/** Reads as the group into memory; every record is a row with its value as text, '' for a tombstone. */
export function textsIntoMemory(
  kafka: KafkaTools,
  source: Omit<KafkaSourceOptions, 'brokers'>,
  limits: Partial<Limits> = {},
): TextsIntoMemory {
  const sink = memorySink<string>()
  const pipeline = definePipeline({
    name: 'texts',
    source: kafkaSource({ brokers: kafka.brokers, ...source }),
    steps: records => records.pipe(transform((value: Uint8Array | null) => Buffer.from(value ?? []).toString())),
    sink,
    onFailure: 'halt',
    limits,
  })
  return { sink, pipeline }
}

/** Waits until it is so, on a real broker. */
export function reached(isSo: () => boolean | Promise<boolean>, withinMs = 30_000): Promise<void> {
  return until(withinMs, async () => {
    if (!(await isSo())) throw new Error('not yet')
  })
}
