/** Where a child is killed by itself, through what is around its parts. */
export const ownPoints = [
  'read',
  'handled',
  'before the write',
  'after the write',
  'before the commit to the source',
  'after the commit to the source',
] as const
/** Where the proxy between it and the server stops, and kills it. */
export const proxyPoints = ['within the write', 'before COMMIT', 'COMMIT sent', 'after COMMIT', 'during a quarantine write'] as const
export type OwnPoint = (typeof ownPoints)[number]
export type Point = OwnPoint | (typeof proxyPoints)[number]

/** What a child is told, as JSON in MILLRACE_CHAOS. */
export interface Task {
  readonly connection: string
  /** Where the files are. */
  readonly root: string
  readonly mode: 'run' | 'replay'
  /** Whether the handler now takes the records that it refused before. */
  readonly isMended: boolean
  readonly isKeyed: boolean
  /** Kills itself the `after`th time (from 1) that it comes to this point. */
  readonly killAt?: { readonly point: Point; readonly after: number }
}
