import type { Command } from 'commander'
import type { Frame } from '../frame.js'

/** `millrace explain <name>`: what a pipeline is made of, and what it promises. */
export function registerExplain(program: Command, frame: Frame): void {
  program
    .command('explain')
    .summary('say what a pipeline is made of, and what it promises')
    .description(
      'Says what a pipeline is made of (source, steps, sink), its limits, what becomes of failures, and what it promises. Opens nothing.',
    )
    .argument('<name>', 'the pipeline')
    .option('--json', 'print it as one line of JSON')
    .addHelpText('after', '\nExamples:\n  millrace explain signups\n')
    .action(async (name: string, { json }: { readonly json?: true }) => {
      const config = await frame.loadConfig({ only: [name] })
      const { explainPipeline, explanationLines } = await import('../inspection/explain-pipeline.js')
      const { planOf } = await import('../../runtime/start.js')
      const explanation = explainPipeline(planOf(await config.pipeline(name)))
      const text = json === true ? JSON.stringify(explanation) : explanationLines(explanation).join('\n')
      frame.print(frame.hide(`${text}\n`))
    })
}
