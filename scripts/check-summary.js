// Reads what `npm start -- --json` printed and checks its last line. --some: something was delivered; --none: nothing was.
import { text } from 'node:stream/consumers'

const output = await text(process.stdin)
const last = output.trimEnd().split('\n').at(-1) ?? ''
let summary
try {
  summary = JSON.parse(last)
} catch {
  fail(`the last line is not JSON: ${last.slice(0, 200)}`)
}
for (const count of ['delivered', 'skipped', 'quarantined', 'seconds']) {
  if (typeof summary[count] !== 'number') fail(`${count} is ${JSON.stringify(summary[count])}, not a number`)
}
if (typeof summary.reasons !== 'object' || summary.reasons === null) fail('reasons is not an object')
if (process.argv.includes('--some') && summary.delivered === 0) fail('nothing was delivered')
if (process.argv.includes('--none') && summary.delivered !== 0) fail(`${summary.delivered} were delivered again`)
console.log(`summary: ${summary.delivered} delivered, ${summary.skipped} skipped, ${summary.quarantined} quarantined: as it should be`)

function fail(reason) {
  console.error(`npm start -- --json: ${reason}`)
  process.exit(1)
}
