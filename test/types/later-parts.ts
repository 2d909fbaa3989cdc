// Parts that are not there yet, declared as they are meant to be, so that the contracts are tried on them too. A part that arrives leaves this file.
import type { Operator, Sink, Source } from 'millrace'
import type { Observable } from 'rxjs'

export declare function httpSource(options: { readonly port: number; readonly path: string }): Source

export interface Slice<B> {
  readonly from: B
  readonly to: B
}
export declare function slice<In, B extends Date | number>(options: {
  readonly by: (value: In) => { readonly from: B; readonly to: B }
  readonly every: number
}): Operator<In, { readonly value: In; readonly slice: Slice<B> }>

export interface CsvPiece {
  readonly name: string
  readonly rows: number
  readonly content: Uint8Array
}
export declare function splitCsv(options?: { readonly maxBytes?: number }): Operator<Uint8Array | readonly unknown[] | object, CsvPiece>
export declare function ingressClient(options: { readonly url: string }): { post(path: string): Promise<void> }
export declare function tarballSink(options: { readonly upload: ReturnType<typeof ingressClient> }): Sink<CsvPiece>

export interface SessionCommand {
  readonly session: string
  readonly fire?: string
}
export interface Transition {
  readonly session: string
  readonly status: string
}
export interface SessionStore {
  read(session: string): Promise<unknown>
}
export declare function toTrigger<In>(fn: (value: In) => SessionCommand): Operator<In, SessionCommand>
export declare function trigger(options: { readonly store: SessionStore; readonly tasks: object }): Operator<SessionCommand, Transition>

export interface ResultCache {
  getMany(keys: readonly string[]): Promise<unknown>
}
export declare function cached<In, Result>(options: {
  readonly operation: string
  readonly key: (value: In) => string
  readonly run: (uri: string, context: { readonly signal: AbortSignal }) => Result | Promise<Result> | Observable<Result>
  readonly cache: ResultCache
}): Operator<In, { readonly request: In; readonly result: Result; readonly via: 'hit' | 'joined' | 'computed' }>
