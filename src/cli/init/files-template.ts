import { editorLine, hints, type ProjectFiles, schemaToDatabase, sharedFiles, signups } from './template.js'

/** Files into a table: nothing but this project is needed. */
export function filesTemplate(name: string): ProjectFiles {
  return {
    ...sharedFiles(name, { start: 'millrace run', lines: signups }),
    'millrace.config.yaml': `${editorLine}pipelines:
  signups:
    use: files-to-postgres
    paths: data/*.ndjson
    format: ndjson
${schemaToDatabase}${hints}`,
    'README.md': `# ${name}

Files of signups, a line of JSON each, into the table \`signups\`. Each line is in the table once, however often it is run and whatever is killed.

\`\`\`sh
npm install
npx millrace check    # is the config right?
npm start             # reads data/*.ndjson; seven rows, one test is skipped, two lines go to quarantine
npm test              # the steps on a few records
\`\`\`

Run it again: nothing comes twice. Add a line or a file to \`data\`: only that is read.

- \`millrace.config.yaml\`: the pipeline. \`npx millrace print-config\` shows it with all defaults, \`npx millrace explain signups\` what it promises.
- \`signup.schema.json\`: what a line must be. \`to-row.js\`: what becomes of it. \`to-row.test.js\`: the test of both.
- \`npx millrace quarantine show\` tells what failed where; mend the schema or the line, then \`npx millrace quarantine replay signups\`.
`,
  }
}
