import { type Command, InvalidArgumentError } from 'commander'
import type { Frame } from '../frame.js'
import type { RunFlags } from '../run/run-flags.js'

/** `millrace run`: runs pipelines until they end, or are told to. */
export function registerRun(program: Command, frame: Frame): void {
  program
    .command('run')
    .summary('run pipelines, all or those that are named')
    .description(
      'Runs the pipelines of the config, all or those that are named, each for itself: what befalls one is nothing to the others.',
    )
    .argument('[name...]', 'only these pipelines')
    .option('--drain', 'end when all that is there is settled')
    .option('--json', 'print the summary as one line of JSON on stdout; all else goes to stderr')
    .option('--workers <n>', 'run n processes of one group on this machine', wholeNumber)
    .addHelpText('after', details)
    .action(async (names: string[], flags: RunFlags) => {
      const { run } = await import('../run/run.js')
      await run(frame, names, flags)
    })
}

function wholeNumber(given: string): number {
  const number = Number(given)
  if (!Number.isSafeInteger(number) || number < 1 || number > MAX_WORKERS) {
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${MAX_WORKERS}.`)
  }
  return number
}

const MAX_WORKERS = 256

const details = `
SIGTERM and SIGINT (Ctrl-C) drain: nothing more is read, what is under way is written and committed. A second one aborts; what is not committed
then comes again with the next run. Run it again, and it goes on from where it ended.

--drain: files are read to their end as always. Kafka is read up to where each partition ended at the start; what arrives later is for the next
run. A source of your own without an end that cannot tell where it ends (SourceSession.ends) runs on until it is stopped. A pipeline that fails three times in a
row ends then (restart.maxInARow of the config), and so does the command, with 1.

--workers: for sources of which several processes may each have a share (Kafka's consumer groups). A process that crashes is started again.

Examples:
  millrace run                         all pipelines, until Ctrl-C
  millrace run signups orders --drain  two of them, until all that is there is settled
  millrace run --drain --json | jq .delivered
  millrace run orders --workers 4      four processes share the partitions of the topic
`
