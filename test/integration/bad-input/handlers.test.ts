import { join } from 'node:path'
import { expect, it } from 'vitest'
import { fileQuarantine, postgres } from '../../../src/index.js'
import { describePostgres, withDatabase } from '../../harness/database.js'
import { FileJob, type Line, look } from '../../harness/file-job.js'
import { filesIn } from '../../harness/files-run.js'

/** What users' functions may throw, and what is kept of it. */
const thrown: readonly { readonly name: string; readonly make: () => unknown; readonly says: string | RegExp; readonly code: string }[] = [
  { name: 'null', make: () => null, says: 'null', code: 'Thrown' },
  { name: 'undefined', make: () => undefined, says: 'undefined', code: 'Thrown' },
  { name: 'a text', make: () => 'just text', says: '"just text"', code: 'Thrown' },
  { name: 'a symbol', make: () => Symbol('s'), says: 'Symbol(s)', code: 'Thrown' },
  { name: 'a function', make: () => () => 1, says: /^the function/, code: 'Thrown' },
  { name: 'an object without a prototype', make: () => Object.create(null), says: '{}', code: 'Error' },
  { name: 'a plain object', make: () => ({ reason: 'none' }), says: '{"reason":"none"}', code: 'Error' },
  { name: 'NUL', make: () => new Error('a\0b'), says: 'a\0b', code: 'Error' },
  { name: 'a lone surrogate', make: () => new Error('a\ud800b'), says: 'a\ud800b', code: 'Error' },
  {
    name: 'SQL',
    make: () => new Error(`'); drop table millrace_ledger; -- \\'`),
    says: `'); drop table millrace_ledger; -- \\'`,
    code: 'Error',
  },
  { name: '10 MB', make: () => new Error('long '.repeat(2_000_000)), says: /^(long ){819}/, code: 'Error' },
  {
    name: 'a name of 10 MB',
    make: () => Object.assign(new Error('named'), { name: 'N'.repeat(10_000_000) }),
    says: 'named',
    code: 'N'.repeat(200),
  },
  {
    name: 'a code of 10 MB',
    make: () => Object.assign(new Error('coded'), { code: 'C'.repeat(10_000_000) }),
    says: 'coded',
    code: 'C'.repeat(200),
  },
  {
    name: 'a code with NUL and half a pair',
    make: () => Object.assign(new Error('coded'), { code: 'C\0\ud800' }),
    says: 'coded',
    code: 'C\0\ud800',
  },
  {
    name: 'a cause that is itself',
    make: () => {
      const error = new Error('circle') as Error & { cause: unknown }
      error.cause = error
      return error
    },
    says: 'circle',
    code: 'Error',
  },
  {
    name: 'a message that throws',
    make: () =>
      Object.defineProperty(new Error('x'), 'message', {
        get() {
          throw new Error('no message')
        },
      }),
    says: /./,
    code: 'Error',
  },
  {
    name: 'a proxy that refuses everything',
    make: () =>
      new Proxy(
        {},
        new Proxy(
          {},
          {
            get(_, trap) {
              throw new Error(`trap ${String(trap)}`)
            },
          },
        ),
      ),
    says: /./,
    code: 'Error',
  },
  {
    name: 'a proxy that was revoked',
    make: () => {
      const { proxy, revoke } = Proxy.revocable(new Error('x'), {})
      revoke()
      return proxy
    },
    says: /./,
    code: 'Error',
  },
  { name: 'details that are null', make: () => Object.assign(new Error('d'), { details: null }), says: 'd', code: 'Error' },
  { name: 'a promise', make: () => Promise.resolve(1), says: '{}', code: 'Error' },
]

const content = thrown.map((_, i) => `{"id":${i * 2}}\n{"id":${i * 2 + 1}}\n`).join('')

describePostgres('a handler that throws what it should not', () => {
  const given = withDatabase()
  const server = () => postgres({ connection: given.connection })

  it.each([
    ['at once', 'Postgres'],
    ['later', 'Postgres'],
    ['later', 'files'],
  ] as const)('%s, with quarantine in %s: each record fails alone, and quarantine keeps what can be kept', async (when, where) => {
    const root = await filesIn({ in: content })
    const fail = (id: number) => {
      throw thrown[id >> 1]!.make()
    }
    const toRow = ({ id }: Line) => {
      if ((id as number) % 2 === 0) return { id }
      return when === 'at once' ? fail(id as number) : Promise.resolve().then(() => fail(id as number))
    }
    const job = new FileJob({
      database: server(),
      root,
      toRow: toRow as never,
      concurrency: 4,
      paths: 'in',
      ...(where === 'files' && { quarantine: fileQuarantine(join(root, 'quarantine')) }),
    })
    const position = (i: number) => content.indexOf(`{"id":${i * 2 + 1}}`)
    await job.expectRuns(
      thrown.map((_, i) => i * 2),
      thrown.map(({ says, code }, i) => ({ position: position(i), stage: 'handle', code, says, raw: `{"id":${i * 2 + 1}}` })),
    )
    if (where === 'files') return
    const [row] = await look(server(), `select max(length(entry::text)) from millrace_quarantine where pipeline = '${job.name}'`)
    expect(Number(row![0])).toBeLessThan(100_000)
  })
})
