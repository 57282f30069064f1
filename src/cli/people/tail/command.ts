import type { Command } from 'commander'
import { environment } from '../../flags.ts'
import { collect, runs, withCluster, withNamespace, type Said } from '../command.ts'

/** Shows events as they pass. */
export function addTail(millrace: Command, said: Said): void {
  const command = millrace
    .command('tail')
    .description('Show events live: those of a Broker, or those that a Trigger lets pass.')
    .argument('[object]', 'NAME or broker/NAME, or trigger/NAME; none: all that the display of `millrace dev` sees')
    .option('--kafka <host:port>', 'read the topic itself from this Kafka; nothing is committed, nobody else notices')
    .option('--topic <name>', 'with --kafka: this topic, without asking a cluster for that of the Broker')
    .option('--credential <file>', 'with --kafka: how to sign in, JSON {"tls": {...}, "sasl": {...}}')
    .option('--display <url>', 'without --kafka: where the display of `millrace dev` is', 'http://127.0.0.1:8090')
    .option('--token <token>', 'what the display asks for, if it does')
    .option('--filter <name=value>', 'only events with this attribute (may be repeated: all must hold)', collect)
    .option('--prefix <name=value>', 'only events whose attribute begins so (may be repeated)', collect)
    .option('--suffix <name=value>', 'only events whose attribute ends so (may be repeated)', collect)
    .option('--cesql <expression>', 'only events for which this CloudEvents SQL is true')
    .option('--since <time>', 'also events of the last so long, e.g. 10m', '0')
    .option('--max <n>', 'end after so many events')
    .option('--for <time>', 'end after so long')
  withNamespace(withCluster(command), 'that of the context; default without --kafka')
    .option('-o, --output <format>', 'pretty, or json: a line of JSON for each event', 'pretty')
    .addHelpText('after', help)
  runs(command, said, async (typed) => {
    const { tailFlags } = await import('./flags.ts')
    const flags = tailFlags(typed)
    const { tail } = await import('./tail.ts')
    return tail(flags, environment())
  })
}

const help = `
Tail only looks: it makes no Trigger, joins no group and commits no position.

Without --kafka it listens to the display of \`millrace dev\`. That sees what is delivered to Services that no --service maps elsewhere, once for each
delivery; so an event that no Trigger delivers there is not shown, and for a Trigger or Broker all deliveries to its subscribers are.

With --kafka it reads the topic: all events, delivered or not; for a Trigger those that pass its filter. The topic and the filter come from the cluster. When
Kafka can be reached only inside of it, tail has to run there, since Kafka tells its clients to go on to the address of each of its brokers:
  kubectl run tail -it --rm --image <image of Millrace> -- tail --kafka my-kafka:9092 --topic knative-broker-shop-default

Exit code 0: ended by --max, --for or ctrl-C; 1: there is nothing to listen to; 2: the command is wrong.

Examples:
  millrace tail
  millrace tail trigger/orders --prefix type=order.
  millrace tail broker/default -n shop --kafka localhost:9092 --since 10m
  millrace tail --kafka localhost:9092 --topic knative-broker-shop-default --cesql "EXISTS priority" -o json | jq .attributes.id`
