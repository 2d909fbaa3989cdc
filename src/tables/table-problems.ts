import { nearest } from '../core/options.js'
import type { ColumnDefinition } from './column.js'
import type { LiveColumn, LiveTable } from './live-table.js'
import type { TableDefinition } from './table.js'

/** All that keeps rows of the definition from being written into the live table, one sentence each; empty where the two agree. */
export function tableProblems(definition: TableDefinition, live: LiveTable): readonly string[] {
  const liveColumns = new Map(live.columns.map(column => [column.name, column]))
  const problems: string[] = []
  for (const [name, column] of definition.columns) {
    const liveColumn = liveColumns.get(name)
    if (liveColumn === undefined) problems.push(missing(name, [...liveColumns.keys()]))
    else problems.push(...columnProblems(column, liveColumn))
  }
  for (const { name, isNotNull, hasDefault, isGenerated } of live.columns) {
    if (isNotNull && !hasDefault && !isGenerated && !definition.columns.has(name)) {
      problems.push(`column ${name} of the database is not null and has no default, but is not in the definition`)
    }
  }
  const key = JSON.stringify([...definition.key].sort())
  if (definition.key.length > 0 && !live.uniqueIndexes.some(columns => JSON.stringify([...columns].sort()) === key)) {
    problems.push(`the key (${definition.key.join(', ')}) has no unique index`)
  }
  return problems
}

function missing(name: string, known: readonly string[]): string {
  const suggestion = nearest(name, known)
  return `column ${name} is not in the database${suggestion === undefined ? '' : ` (did you mean ${suggestion}?)`}`
}

function columnProblems({ type, isNullable, defaultTo }: ColumnDefinition, live: LiveColumn): string[] {
  const { name } = live
  if (live.isGenerated) return [`column ${name} is computed by the database and takes no value`]
  const problems: string[] = []
  if (!holds(live.type, type.sql)) problems.push(`column ${name} is ${type.sql}, in the database ${live.type}`)
  if (isNullable && live.isNotNull) problems.push(`column ${name} is nullable, in the database not null`)
  if (defaultTo !== undefined && !isNull(defaultTo) && !live.hasDefault) problems.push(`column ${name} has a default, in the database none`)
  return problems
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
