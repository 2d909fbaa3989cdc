import type { Comparison, Figure, Options } from './figure.js'
import { SideProcess } from './side-process.js'

/** What one comparison came to. */
export interface Compared {
  readonly what: string
  /** Medians, in `unit`. */
  readonly ours: number
  readonly limit: number
  /** The median of the rounds' own ratios, ours over limit: of what was measured next to each other, so a machine that is slow by turns is no matter. */
  readonly ratio: number
  readonly goal: string
  readonly holds: boolean
}

/** One figure, measured. */
export interface Result extends Compared {
  readonly id: string
  readonly unit: string
  readonly runs: number
  /** The smallest and the largest ratio of one round: how noisy it was. */
  readonly spread: readonly [number, number]
  /** Further comparisons of the figure; `holds` is true only when these hold too. */
  readonly also?: readonly Compared[]
  /** Only there, and true, with --quick: then the numbers mean nothing. */
  readonly quick?: true
}

type Values = ReadonlyMap<string, readonly number[]>

/** Measures a figure: its sides take turns, round by round, so that what else the machine does meets all of them. */
export async function measure(id: string, figure: Figure, setting: unknown, options: Options): Promise<Result> {
  const { runs = 5, warmUps = 1 } = figure
  const rounds = options.quick ? 1 : runs
  const values = await collect(id, figure, setting, options, { rounds, warmUps: options.quick ? 0 : warmUps })
  const [first, ...others] = figure.comparisons.map(comparison => compared(figure, comparison, values)) as [Compared, ...Compared[]]
  return {
    id,
    ...first,
    holds: first.holds && others.every(({ holds }) => holds),
    unit: figure.unit,
    runs: rounds,
    spread: spreadOf(figure.comparisons[0], values),
    ...(others.length > 0 && { also: others }),
    ...(options.quick && { quick: true }),
  }
}

async function collect(
  id: string,
  { sides, fresh = false }: Figure,
  setting: unknown,
  options: Options,
  { rounds, warmUps }: { readonly rounds: number; readonly warmUps: number },
): Promise<Values> {
  const values = new Map<string, number[]>()
  const open = new Map<string, SideProcess>()
  try {
    for (let round = -warmUps; round < rounds; round++) {
      for (const name of Object.keys(sides)) {
        const side = open.get(name) ?? (await SideProcess.start(id, name, setting, options))
        open.set(name, side)
        const measured = await side.run()
        if (fresh) {
          await side.close()
          open.delete(name)
        }
        if (round < 0) continue
        const named = typeof measured === 'number' ? { [name]: measured } : prefixed(name, measured)
        for (const [key, value] of Object.entries(named)) values.set(key, [...(values.get(key) ?? []), value])
      }
    }
  } finally {
    for (const side of open.values()) await side.close()
  }
  return values
}

function compared({ what }: Figure, comparison: Comparison, values: Values): Compared {
  const { goal } = comparison
  const medians = {
    ours: median(valuesOf(comparison.ours, values)),
    limit: typeof comparison.limit === 'number' ? comparison.limit : median(valuesOf(comparison.limit, values)),
    ratio: median(ratiosOf(comparison, values)),
  }
  return { what: comparison.what ?? what, ...medians, goal: goal.text, holds: goal.holds(medians) }
}

function spreadOf(comparison: Comparison, values: Values): [number, number] {
  const ratios = ratiosOf(comparison, values)
  return [Math.min(...ratios), Math.max(...ratios)]
}

/** Of each round. */
function ratiosOf({ ours, limit }: Comparison, values: Values): number[] {
  const limits = typeof limit === 'number' ? null : valuesOf(limit, values)
  return valuesOf(ours, values).map((value, i) => value / (limits === null ? (limit as number) : limits[i]!))
}

function valuesOf(name: string, values: Values): readonly number[] {
  const found = values.get(name)
  if (found === undefined) throw new Error(`no side measured ${name}; measured were ${[...values.keys()].join(', ')}`)
  return found
}

function prefixed(name: string, measured: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(measured).map(([key, value]) => [`${name}.${key}`, value]))
}

/** The middle one; of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
