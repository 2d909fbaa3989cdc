import { describe, expect, it } from 'vitest'
import { errorTable, MillraceError } from '../../src/core/errors.js'
import { fileAt } from '../harness/source-files.js'

const page = fileAt('docs/errors.md').text
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map(section => [section.split('\n')[0]!.trim(), section]),
)

describe('docs/errors.md', () => {
  it('has a heading for each code of the table, and no other', () => {
    expect([...sections.keys()].sort()).toEqual(Object.keys(errorTable).sort())
  })

  it('says of each code what happened and what to do', () => {
    const incomplete = [...sections].filter(([, text]) => !/What happened\W/.test(text) || !/What to do\W/.test(text)).map(([code]) => code)
    expect(incomplete).toEqual([])
  })

  it('names each code once', () => {
    const headings = [...page.matchAll(/^## (.*)$/gm)].map(match => match[1])
    expect(headings.filter((heading, i) => headings.indexOf(heading) !== i)).toEqual([])
  })
})

describe('an error', () => {
  it('carries its code, its cause, and whether waiting helps', () => {
    const cause = new Error('connection refused')
    const error = new MillraceError('MILL_DATABASE_AWAY', { database: 'app', reason: cause.message }, { cause })
    expect(error).toMatchObject({ code: 'MILL_DATABASE_AWAY', retryable: true, cause, message: 'database app is away: connection refused' })
    expect(new MillraceError('MILL_JOIN_EMPTY', {})).toMatchObject({ retryable: false, message: 'join needs at least one record' })
  })
})
