#!/usr/bin/env node
import { version } from '../core/version.js'

const args = process.argv.slice(2)
// Scripts ask for it, and need nothing of the program for that (bench cli.version).
if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) process.stdout.write(`${version}\n`)
else {
  const { runCommandLine } = await import('./command-line.js')
  await runCommandLine(args)
}
