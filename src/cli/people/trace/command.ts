import type { Command } from 'commander'
import { environment } from '../../flags.ts'
import { runs, withCluster, withNamespace, withSystemNamespace, type Said } from '../command.ts'
import { usualDisplay } from './flags.ts'

/** What became of an event. */
export function addTrace(millrace: Command, said: Said): void {
  const command = millrace
    .command('trace')
    .description(
      'Tell the fate of an event: when it was accepted, and what became of it at each Trigger and KafkaSource.',
    )
    .argument('<id>', 'attribute id of the event')
    .option('--source <uri>', 'attribute source: only events of this one')
    .option('--broker <name>', 'only events of this Broker')
    .option('--topic <name>', 'only events of this topic of Kafka')
    .option('--follow', 'trace the replies too, and the replies to them, as a tree')
    .option('--since <time>', 'how far back Kafka is searched when no worker remembers the event (default: 1h)')
    .option('--at <time>', 'search Kafka around this time instead, ten minutes before and after, RFC 3339')
    .option('--display <url>', 'where the display of `millrace dev` is', usualDisplay)
  withSystemNamespace(withNamespace(withCluster(command), 'any; where Kafka is searched, that of the context'))
    .option('-o, --output <format>', 'text, wide, json or yaml', 'text')
    .addHelpText('after', help)
  runs(command, said, async (typed) => {
    const { traceFlags } = await import('./flags.ts')
    const flags = traceFlags(typed)
    const { trace } = await import('./trace.ts')
    return trace(flags, environment())
  })
}

const help = `
Workers remember what they did, for a day or so. Each is asked, through the API server; in \`millrace dev\` its display is asked, which goes first unless --kubeconfig or --context
is given. Where none remembers the event, a dispatcher searches the topics of the Brokers in Kafka. Why a filter did not pass an event is said by the filter as it is now.

To ask takes the ClusterRole millrace-trace in the system namespace.

Exit code 0: the event was found, be it refused; 1: it was not found, or nobody could be asked; 2: the command is wrong.

Examples:
  millrace trace 5a1c8e2e-0f0b-4a56-b1b1-0d8a3c8f8b11
  millrace trace 42 --source /shop -n shop --broker default
  millrace trace order-7 --follow
  millrace trace order-7 --at 2026-11-22T09:30:00Z
  millrace trace order-7 -o json | jq '.events[].deliveries[] | {name: .of.name, fate: .fate.kind}'`
