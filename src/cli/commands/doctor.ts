import type { Command } from 'commander'
import type { LoadedConfig } from '../../config/load-config.js'
import type { Frame } from '../frame.js'

/** `millrace doctor [name…]`: connects to what pipelines need, and says what is wrong. */
export function registerDoctor(program: Command, frame: Frame): void {
  program
    .command('doctor')
    .summary('connect to all that pipelines need, and say what is wrong')
    .description(
      'Connects to what pipelines need (servers, tables, topics, files, disks), and says what is wrong, why, and what to do. Changes nothing.',
    )
    .argument('[name...]', 'only these pipelines')
    .option('--json', 'print the findings as one line of JSON')
    .addHelpText('after', '\nExamples:\n  millrace doctor\n  millrace doctor signups --json\n')
    .action(async (names: string[], { json }: { readonly json?: true }) => {
      const config = await frame.loadConfig({ make: false, ...(names.length > 0 && { only: names }) })
      const wanted = names.length > 0 ? names : config.names
      const diagnoses = await Promise.all(wanted.map(name => diagnosed(config, name)))
      const { countLine, countsOf, diagnosisLines, diagnosisStatus } = await import('../inspection/diagnosis-lines.js')
      const text =
        json === true
          ? JSON.stringify({ ...countsOf(diagnoses), pipelines: diagnoses })
          : [...diagnoses.flatMap(diagnosis => [...diagnosisLines(diagnosis), '']), countLine(diagnoses)].join('\n')
      frame.print(frame.hide(`${text}\n`))
      frame.exit(diagnosisStatus(diagnoses))
    })
}

async function diagnosed(config: LoadedConfig, name: string) {
  const { inspectPipeline, brokenPipeline } = await import('../inspection/inspect-pipeline.js')
  const { planOf } = await import('../../runtime/start.js')
  try {
    return await inspectPipeline(planOf(await config.pipeline(name)))
  } catch (error) {
    return brokenPipeline(name, error)
  }
}
