import type { Figure } from './figure.js'

/** All figures, in the order in which they are shown. Each is the file of its name under figures. */
export const ids = [
  'engine.sync',
  'engine.handle',
  'engine.scale',
  'engine.decode',
  'postgres.append',
  'postgres.ignore',
  'postgres.upsert',
  'postgres.ledger',
  'postgres.end-to-end',
  'postgres.dirty',
  'postgres.one-bad',
  'kafka.count',
  'kafka.postgres',
  'kafka.naive',
  'kafka.ledger',
  'kafka.produce',
  'kafka.idle',
  'kafka.stop',
  'memory.stalled',
  'memory.scale',
  'start.first-record',
  'cli.version',
  'cli.first-record',
] as const

/** The figure of an id. Loaded alone: a side measures in a process that knows no other. */
export async function loadFigure(id: string): Promise<Figure> {
  const exported = Object.values((await import(`./figures/${id}.js`)) as Readonly<Record<string, Figure>>)
  if (exported.length !== 1) throw new Error(`bench/figures/${id}.ts must export its figure and nothing else`)
  return exported[0]!
}
