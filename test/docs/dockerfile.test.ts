import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DockerfileParser, type From, type Instruction, type JSONInstruction } from 'dockerfile-ast'
import { expect, it } from 'vitest'
import { root } from '../harness/source-files.js'

// The image is parsed and not built: no Docker is needed for the tests.
const file = DockerfileParser.parse(readFileSync(join(root, 'Dockerfile'), 'utf8'))
const stages: Instruction[][] = []
for (const instruction of file.getInstructions()) {
  if (instruction.getKeyword() === 'FROM') stages.push([])
  stages.at(-1)?.push(instruction)
}
const last = stages.at(-1)!
const only = (keyword: string) => {
  const found = last.filter(instruction => instruction.getKeyword() === keyword)
  expect(found, keyword).toHaveLength(1)
  return found[0]!
}
const list = (keyword: string) => (only(keyword) as JSONInstruction).getJSONStrings().map(text => text.getJSONValue())

it('builds in stages of a supported Node, and copies only from stages that are there', () => {
  expect(stages.length).toBeGreaterThan(2)
  const names = stages.map(([from]) => (from as From).getBuildStage())
  for (const [from] of stages) expect((from as From).getImage()).toMatch(/^node:(20|22|24)-[\w-]+$/)
  for (const copy of file.getCOPYs()) {
    const from = copy.getFromFlag()?.getValue()
    if (from !== undefined && from !== null) expect(names).toContain(from)
  }
  // Neither the compiler nor the sources are in the image.
  expect(last.filter(instruction => instruction.getKeyword() === 'COPY').map(copy => copy.getArgumentsContent())).toEqual([
    '/opt/millrace/ /opt/millrace/',
  ])
})

it('runs as a user without rights, from the last instruction that needs them on', () => {
  expect(only('USER').getArgumentsContent()).toBe('node')
  const at = (keyword: string) => last.findIndex(instruction => instruction.getKeyword() === keyword)
  expect(at('USER')).toBeGreaterThan(at('RUN'))
})

it('starts the command itself, stops by SIGTERM, and is asked for its health', () => {
  expect(list('ENTRYPOINT')).toEqual(['millrace'])
  expect(list('CMD')).toEqual(['run'])
  expect(only('STOPSIGNAL').getArgumentsContent()).toBe('SIGTERM')
  expect(only('HEALTHCHECK').getArgumentsContent()).toContain('http://127.0.0.1:9464/healthz')
  expect(only('EXPOSE').getArgumentsContent()).toBe('9464')
})

it('says that it was not run', () => {
  expect(
    file
      .getComments()
      .map(comment => comment.getContent())
      .join('\n'),
  ).toContain('not built or run here')
})
