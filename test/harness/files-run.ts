import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { silentLog } from '../../src/core/log.js'
import type { Identity, Incoming, Prefix, SourceContext, SourceSession } from '../../src/core/source.js'
import { type FilesSourceOptions, filesSource } from '../../src/index.js'

const cleanups: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

/** What the run of a files source is told beside the options. */
export interface FilesRunOptions {
  /** The first hole of each partition in the ledger; without, the sink keeps none. */
  readonly ledger?: Readonly<Record<string, number>>
  readonly maxRecordBytes?: number
  /** Records of one read. Default 1,000. */
  readonly records?: number
  readonly bytes?: number
}

/** An open files source, and what it said to its run. */
export class FilesRun {
  readonly events: string[] = []
  readonly logged: string[] = []
  readonly identities = new Map<string, Identity | undefined>()
  readonly records: Incoming<Uint8Array>[] = []
  session!: SourceSession<Uint8Array, Prefix>

  private constructor(private readonly options: FilesRunOptions) {}

  /** Is closed after the test. */
  static async open(source: FilesSourceOptions, options: FilesRunOptions = {}): Promise<FilesRun> {
    const run = new FilesRun(options)
    run.session = await filesSource(source).open(run.context())
    cleanups.push(() => run.session.close!())
    return run
  }

  /** One read; undefined at the end. */
  async read(records = this.options.records ?? 1_000, bytes = this.options.bytes ?? 4 * 1024 * 1024) {
    const batch = await this.session.read({ records, bytes }, new AbortController().signal)
    if (batch !== null) this.records.push(...batch)
    return batch ?? undefined
  }

  /** All that is left; the error, where it ends with one. */
  async rest(): Promise<unknown> {
    try {
      while ((await this.read()) !== undefined) {}
      return undefined
    } catch (error) {
      return error
    }
  }

  /** `a.ndjson@12 text`, of those that failed with the code before it. */
  get texts(): string[] {
    return this.records.map(({ partition, position, value, fault }) => {
      const code = fault === undefined ? '' : `${(fault as { code?: string }).code}: `
      return `${code}${partition}@${position} ${Buffer.from(value)}`
    })
  }

  get values(): string[] {
    return this.records.map(({ value }) => Buffer.from(value).toString())
  }

  private context(): SourceContext {
    const { ledger, maxRecordBytes = 8 * 1024 * 1024 } = this.options
    return {
      log: { ...silentLog, error: (_, fields) => this.logged.push((fields as { error: Error }).error.message) },
      pipeline: 'test',
      source: 'files',
      ledger: ledger !== undefined,
      maxRecordBytes,
      assigned: async (partition, identity) => {
        this.identities.set(partition, identity)
        this.events.push(`assigned ${partition}`)
        const from = ledger?.[partition]
        return from === undefined ? {} : { from }
      },
      advanced: (partition, next) => {
        this.events.push(`advanced ${partition} to ${next}`)
      },
      draining: async partitions => {
        this.events.push(`draining ${partitions}`)
      },
      revoked() {},
    }
  }
}

/** A directory with these files; removed after the test. */
export async function filesIn(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'millrace-files-'))
  cleanups.unshift(() => rm(root, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(files)) await writeFile(join(root, name), content)
  return root
}
