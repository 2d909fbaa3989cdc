// npm run example hello
import { originText } from 'millrace'
import { greetings, hello, quarantine } from './pipeline.js'

const { delivered, quarantined } = await hello.start().finished

for (const { greeting } of greetings.rows) console.log(greeting)
for (const { origin, error } of quarantine.entries) console.log(`quarantined: ${originText(origin)}: ${error.message}`)
console.log(`${delivered} delivered, ${quarantined} quarantined`)
