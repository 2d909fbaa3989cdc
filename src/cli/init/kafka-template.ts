import { editorLine, hints, type ProjectFiles, schemaToDatabase, sharedFiles, signups } from './template.js'

/** A topic of Kafka into a table. */
export function kafkaTemplate(name: string): ProjectFiles {
  return {
    ...sharedFiles(name, { start: 'millrace run', lines: signups }),
    'millrace.config.yaml': `${editorLine}pipelines:
  signups:
    use: topic-to-postgres
    from:
      brokers: \${KAFKA_BROKERS:-localhost:9092}
      topics: ['\${KAFKA_TOPIC:-signups}']
      groupId: ${name}
${schemaToDatabase}${hints}`,
    'README.md': `# ${name}

The topic \`signups\`, a message of JSON each, into the table \`signups\`. Each message is in the table once, whatever is killed and whoever joins the group.

It needs a Kafka at \`localhost:9092\` (or \`KAFKA_BROKERS\`) with a topic \`signups\` (or \`KAFKA_TOPIC\`), and some messages:

\`\`\`sh
kafka-topics.sh --bootstrap-server localhost:9092 --create --topic signups --partitions 4
kafka-console-producer.sh --bootstrap-server localhost:9092 --topic signups < data/signups.ndjson
\`\`\`

\`\`\`sh
npm install
npx millrace check          # is the config right?
npx millrace doctor         # is all there that it needs?
npm start                   # until Ctrl-C; seven rows, one test is skipped, two messages go to quarantine
npx millrace run --drain    # until all that is there is settled
npm test                    # the steps on a few records
\`\`\`

More processes of the same group (\`npx millrace run --workers 4\`) need a database that they can share: a server instead of the embedded one.

- \`millrace.config.yaml\`: the pipeline. \`npx millrace print-config\` shows it with all defaults, \`npx millrace explain signups\` what it promises.
- \`signup.schema.json\`: what a message must be. \`to-row.js\`: what becomes of it. \`to-row.test.js\`: the test of both.
- \`npx millrace quarantine show\` tells what failed where; mend the schema, then \`npx millrace quarantine replay signups\`.
`,
  }
}
