import type { PipelineKind } from '../config/kind.js'

/** The ready-made pipelines that a config may `use`. */
export const kinds: readonly PipelineKind[] = []
