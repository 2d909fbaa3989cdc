import { nearest } from '../core/options.js'
import { identifier, tableIdentifier } from '../drivers/postgres/literals.js'
import type { ColumnDefinition } from './column.js'
import type { LiveColumn, LiveTable } from './live-table.js'
import type { TableDefinition } from './table.js'

/** One way in which a table differs from its definition, and the statement that ends it. */
export interface TableDifference {
  readonly problem: string
  readonly fix: string
}

/** All that keeps rows of the definition from being written into the live table, one sentence each; empty where the two agree. */
export function tableProblems(definition: TableDefinition, live: LiveTable): readonly string[] {
  return tableDifferences(definition, live).map(({ problem }) => problem)
}

/** {@link tableProblems} with the way out of each. */
export function tableDifferences(definition: TableDefinition, live: LiveTable): readonly TableDifference[] {
  const liveColumns = new Map(live.columns.map(column => [column.name, column]))
  const table = tableIdentifier(definition.name)
  const differences: TableDifference[] = []
  for (const [name, column] of definition.columns) {
    const liveColumn = liveColumns.get(name)
    if (liveColumn === undefined) differences.push(missing(table, name, column, [...liveColumns.keys()]))
    else differences.push(...columnDifferences(table, column, liveColumn))
  }
  for (const { name, isNotNull, hasDefault, isGenerated } of live.columns) {
    if (!isNotNull || hasDefault || isGenerated || definition.columns.has(name)) continue
    const problem = `column ${name} of the database is not null and has no default, but is not in the definition`
    differences.push({ problem, fix: `add it to the definition, or ${altering(table, name, 'drop not null')}` })
  }
  const key = JSON.stringify([...definition.key].sort())
  if (definition.key.length > 0 && !live.uniqueIndexes.some(columns => JSON.stringify([...columns].sort()) === key)) {
    const columns = definition.key.map(identifier).join(', ')
    differences.push({
      problem: `the key (${definition.key.join(', ')}) has no unique index`,
      fix: `create unique index on ${table} (${columns})`,
    })
  }
  return differences
}

const altering = (table: string, column: string, how: string): string => `alter table ${table} alter column ${identifier(column)} ${how}`

function missing(table: string, name: string, { type, isNullable }: ColumnDefinition, known: readonly string[]): TableDifference {
  const suggestion = nearest(name, known)
  return {
    problem: `column ${name} is not in the database${suggestion === undefined ? '' : ` (did you mean ${suggestion}?)`}`,
    fix: `correct the name, or alter table ${table} add column ${identifier(name)} ${type.sql}${isNullable ? '' : ' not null'}`,
  }
}

function columnDifferences(table: string, { type, isNullable, defaultTo }: ColumnDefinition, live: LiveColumn): TableDifference[] {
  const { name } = live
  if (live.isGenerated)
    return [{ problem: `column ${name} is computed by the database and takes no value`, fix: 'leave it out of the definition' }]
  const differences: TableDifference[] = []
  const add = (problem: string, how: string) =>
    differences.push({ problem, fix: `change the definition, or ${altering(table, name, how)}` })
  if (!holds(live.type, type.sql)) add(`column ${name} is ${type.sql}, in the database ${live.type}`, `type ${type.sql}`)
  if (isNullable && live.isNotNull) add(`column ${name} is nullable, in the database not null`, 'drop not null')
  if (defaultTo !== undefined && !isNull(defaultTo) && !live.hasDefault)
    add(`column ${name} has a default, in the database none`, 'set default …')
  return differences
}

/** Postgres keeps no default of null: it is what a column without one gets. */
function isNull(defaultTo: NonNullable<ColumnDefinition['defaultTo']>): boolean {
  return 'sql' in defaultTo ? /^null$/i.test(defaultTo.sql.trim()) : defaultTo.value === null
}

const typeSyntax = /^([a-z ]+?)(?:\((\d+)(?:,-?\d+)?\))?( with time zone)?((?:\[\])*)$/

/** Whether a live type takes what the defined one does. A precision rounds and refuses what only the server can know, a length must not be shorter. */
function holds(live: string, defined: string): boolean {
  if (live === defined) return true
  const [, liveBase, liveBound, liveZone, liveArray] = typeSyntax.exec(live) ?? []
  const [, base, bound, zone, array] = typeSyntax.exec(defined) ?? []
  if (liveArray !== array || liveZone !== zone) return false
  if (base === 'character varying')
    return liveBase === 'text' || (liveBase === base && (liveBound === undefined || Number(liveBound) >= Number(bound)))
  if (base === 'text') return liveBase === 'character varying' && liveBound === undefined
  return liveBase === base
}
