import type { Ranges } from '../../core/ranges.js'
import type { Cover } from '../../core/sink.js'
import { toColumn } from '../../drivers/postgres/any-text.js'
import { literal, textArray } from '../../drivers/postgres/literals.js'

/** A name as the ledger has it, in SQL: pipelines, sources and partitions may be called anything, and are never taken for one another. */
const nameText = (name: string): string => literal(toColumn(name))

/** The row of one partition. */
export const partitionIs = (alias: string, pipeline: string, source: string, partition: string): string =>
  `${alias}.pipeline = ${nameText(pipeline)} and ${alias}.source = ${nameText(source)} and ${alias}.partition = ${nameText(partition)}`

/** Ids of a 'single' source as the ledger has them, in SQL. */
export const idArray = (ids: readonly string[]): string => textArray(ids.map(toColumn))

/** Ranges as Postgres reads them. */
export const multirange = (ranges: Ranges): string => `{${ranges.map(([from, to]) => `[${from},${to})`).join(',')}}`

/** Ranges as Postgres writes them: `{[0,5),[7,9)}`. */
export function readMultirange(text: string): Ranges {
  return [...text.matchAll(/\[(\d+),(\d+)\)/g)].map(([, from, to]) => [Number(from), Number(to)] as const)
}

/** Whether the cover is of a 'single' source: its positions are ids. */
export const isOfIds = (cover: Pick<Cover, 'positions'>): cover is Cover & { readonly positions: readonly string[] } =>
  typeof cover.positions[0] === 'string'

/**
 * The statements that cover positions, in the order in which every writer takes the rows of the ledger.
 *
 * Each divides by zero (22012) when the epoch is not the writer's or a position is covered already. The check must be the server's: it finishes a message
 * that it holds although its client is dead.
 */
export function coverStatements(pipeline: string, covers: readonly Cover[]): string[] {
  const order = (a: Cover, b: Cover): number => compare(a.source, b.source) || compare(a.partition, b.partition)
  return [...covers].sort(order).map(cover => (isOfIds(cover) ? seenStatement(pipeline, cover) : rangesStatement(pipeline, cover)))
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function rangesStatement(pipeline: string, { source, partition, epoch, positions, gaps }: Cover): string {
  return `with w as materialized (select '${multirange(positions as Ranges)}'::int8multirange positions, '${multirange(gaps)}'::int8multirange gaps),
u as (update millrace_ledger l set covered = l.covered + w.positions + w.gaps from w
  where ${partitionIs('l', pipeline, source, partition)} and l.epoch = ${epoch} and not l.covered && w.positions returning 1)
select 1 / (count(*) = 1)::int from u`
}

function seenStatement(pipeline: string, cover: Cover & { readonly positions: readonly string[] }): string {
  const { source, partition, epoch } = cover
  // Sorted, so that two writers that repeat ids wait for each other in one direction.
  const ids = [...cover.positions].sort(compare)
  return `with o as materialized (select 1 from millrace_ledger l where ${partitionIs('l', pipeline, source, partition)} and l.epoch = ${epoch} for share),
s as (insert into millrace_seen (pipeline, source, partition, id)
  select ${nameText(pipeline)}, ${nameText(source)}, ${nameText(partition)}, id from unnest(${idArray(ids)}) id on conflict do nothing returning 1)
select 1 / (count(*) = ${ids.length} and exists (select from o))::int from s`
}
