import {
  type Behaviour,
  operatorBehaviours,
  positionsBehaviours,
  quarantineBehaviours,
  sinkBehaviours,
  sourceBehaviours,
} from 'millrace/testing'
import { expect, test } from 'vitest'
import { fileAt } from '../harness/source-files.js'

const prepare = () => Promise.reject(new Error('only the names are wanted'))
const everything = {
  prepare,
  keys: true,
  headers: true,
  bad: Number,
  goesAway: true,
  ledger: true,
  quarantine: true,
  value: Number,
  row: Number,
}

/** Every behaviour that there is, by the heading of the page under which it must stand. */
const suites: Readonly<Record<string, readonly Behaviour[]>> = {
  'A source': [...sourceBehaviours(everything), ...sourceBehaviours({ ...everything, endless: true })],
  'A sink': sinkBehaviours(everything),
  'A quarantine': quarantineBehaviours({ prepare }),
  'A store of positions': positionsBehaviours({ prepare }),
  'An operator': operatorBehaviours({ operator: () => records => records, values: [] }),
}

test.each(Object.entries(suites))('docs/components.md has each behaviour under %s, and no other', (heading, behaviours) => {
  const [section] = fileAt('docs/components.md').text.split(`\n## ${heading}\n`)[1]!.split(/\n## /)
  const named = [...section!.matchAll(/^\|.*\| `([^`]+)` \|$/gm)].map(([, name]) => name!)
  const known = [...new Set(behaviours.map(({ name }) => name))]
  expect(named.toSorted()).toEqual(known.toSorted())
})
