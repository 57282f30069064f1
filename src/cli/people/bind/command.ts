import type { Command } from 'commander'
import { environment } from '../../flags.ts'
import { collect, runs, withCluster, withNamespace, type Said } from '../command.ts'

/** Gives workloads the address of a sink: makes a SinkBinding, and waits until it holds. */
export function addBind(millrace: Command, said: Said): void {
  const command = millrace
    .command('bind')
    .description('Have a workload send its events to a sink: makes a SinkBinding, which gives it K_SINK.')
    .argument(
      '<source>',
      'deployment/NAME, statefulset/…, daemonset/…, cronjob/…, job/…, ksvc/…, or KIND with --selector',
    )
    .argument('<sink>', 'broker/NAME, service/NAME, ksvc/NAME, or a URL')
    .option('-l, --selector <labels>', 'all workloads of that kind with these labels, e.g. app=shop,tier=web')
    .option('--sink-namespace <name>', 'namespace of the sink (default: that of the workload)')
    .option('--path <path>', 'a path below the address of the sink, e.g. /orders')
    .option('--name <name>', 'name of the SinkBinding (default: <source>-to-<sink>)')
    .option('--env-prefix <prefix>', 'put before the names of the variables: ORDERS_ makes ORDERS_K_SINK')
    .option(
      '--ce-override <name=value>',
      'an extension that the workload shall add to its events (may be repeated)',
      collect,
    )
    .option('--remove', 'take the SinkBinding away again, and the variables with it')
    .option('--dry-run <none|client|server>', 'client: only print it; server: have the API server judge it', 'none')
    .option('--no-wait', 'do not wait until it is Ready')
    .option('--timeout <time>', 'how long to wait', '60s')
  withNamespace(withCluster(command))
    .option('-o, --output <format>', 'text, json, yaml or name', 'text')
    .addHelpText('after', help)
  runs(command, said, async (typed) => {
    const { bindFlags } = await import('./flags.ts')
    const flags = bindFlags(typed)
    const { bind } = await import('./bind.ts')
    return bind(flags, environment())
  })
}

const help = `
The workload rolls once and then has K_SINK, the address of the sink, in each of its containers. Run again, bind changes what is there.
Kinds of others: KIND:GROUP/VERSION:NAME, for the source as for the sink (as kn has it), e.g. Channel:messaging.knative.dev/v1:orders.

Exit code 0: it is Ready (or, with --no-wait, applied; with --remove, gone); 1: it is not, and why was said; 2: the command is wrong.

Examples:
  millrace bind deployment/shop broker/default
  millrace bind cronjob/report service/archive --path /reports -n shop
  millrace bind deployment --selector app=shop broker/default --name shop-events
  millrace bind deployment/shop broker/default --dry-run client -o yaml > binding.yaml
  millrace bind deployment/shop broker/default --remove`
