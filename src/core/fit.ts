import type { Sink, TableSink } from './sink.js'

declare const named: unique symbol
type Takes<K> = K extends Sink<infer T> ? T : never

/** A sink that sends each `{ to, row }` to the sink of that name. */
export interface RouteSink<M> extends Sink<{ readonly [N in keyof M]: { readonly to: N; readonly row: Takes<M[N]> } }[keyof M]> {
  readonly [named]: ['route', M]
}

/** A sink that gives each named sink its own row. */
export interface FanOutSink<M> extends Sink<{ readonly [N in keyof M]: Takes<M[N]> }> {
  readonly [named]: ['fanOut', M]
}

type Keys<T> = T extends unknown ? keyof T : never
type RequiredKeys<T> = { [K in keyof T]-?: {} extends Pick<T, K> ? never : K }[keyof T]
type Wrong<Out, Row> = { [K in keyof Out & keyof Row]: Out[K] extends Row[K] ? never : K }[keyof Out & keyof Row]
type Text<K> = K extends string | number ? `${K}` : never

type RowProblem<Out, Row> = Out extends Row
  ? string extends keyof Out
    ? 'the schema lets unknown fields pass: additionalProperties: false, or choose the columns in transform'
    : `column is not in the table: ${Text<Exclude<keyof Out, Keys<Row>>>}`
  : Out extends object
    ?
        | `column is missing: ${Text<Exclude<RequiredKeys<Row>, keyof Out>>}`
        | {
            [K in Wrong<Out, Row>]: {
              readonly 'column has another type': K
              readonly given: Out[K & keyof Out]
              readonly wanted: Row[K & keyof Row]
            }
          }[Wrong<Out, Row>]
    : { readonly 'the sink takes rows': Row; readonly given: Out }

type Problem<Out, K> =
  K extends RouteSink<infer M>
    ? Out extends { readonly to: infer N; readonly row: infer R }
      ? N extends keyof M
        ? Problem<R, M[N]>
        : `route has no sink of this name: ${Text<N>}`
      : { readonly 'route takes { to, row }, given': Out }
    : K extends FanOutSink<infer M>
      ? { [N in keyof M]: N extends keyof Out ? Problem<Out[N], M[N]> : `fanOut needs a value for: ${Text<N>}` }[keyof M]
      : K extends TableSink<infer Row>
        ? RowProblem<Out, Row>
        : K extends Sink<infer T>
          ? Out extends T
            ? never
            : { readonly 'the sink takes': T; readonly given: Out }
          : never

/** The sink `K` itself, or, in words, why what the steps give does not fit it. A generic helper writes `sink: Fits<T, Sink<T>>`. */
export type Fits<Out, K> = 0 extends 1 & Out ? K : [Problem<Out, K>] extends [never] ? K : Problem<Out, K>
