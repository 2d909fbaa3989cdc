/** Where a run stands. `waiting`: for infrastructure that is away. */
export type RunState = 'starting' | 'running' | 'waiting' | 'draining' | 'stopped' | 'failed'
