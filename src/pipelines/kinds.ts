import type { PipelineKind } from '../config/kind.js'
import { filesToPostgresKind } from './files-to-postgres-kind.js'
import { topicToPostgresKind } from './topic-to-postgres-kind.js'

/** The ready-made pipelines that a config may `use`. */
export const kinds: readonly PipelineKind[] = [filesToPostgresKind, topicToPostgresKind]
