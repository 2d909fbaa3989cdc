#!/usr/bin/env node
import { runCommand } from './program.js'

const { stdin, stdout, stderr, env } = process
for (const stream of [stdout, stderr]) {
  // Whoever reads may have seen enough: `millrace print-config | head`.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}
process.exitCode = await runCommand(process.argv.slice(2), { stdin, stdout, stderr, env, cwd: process.cwd() })
