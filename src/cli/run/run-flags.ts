/** Options of `millrace run` as they are given. */
export interface RunFlags {
  readonly drain?: true
  readonly json?: true
  readonly workers?: number
}
