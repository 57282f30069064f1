import type { Command } from 'commander'
import { environment } from '../../flags.ts'
import { collect, runs, withCluster, withNamespace, type Said } from '../command.ts'

/** Sends events to a Broker or a URL, and says what became of them. */
export function addSend(millrace: Command, said: Said): void {
  const command = millrace
    .command('send')
    .description('Send an event, or many, to a Broker or a URL, and print the answer.')
    .argument('[broker]', 'NAME or broker/NAME: of `millrace dev` on this machine, else of the cluster')
    .option('--url <url>', 'send there instead')
    .option('--type <type>', 'attribute type, e.g. order.created')
    .option('--source <uri>', 'attribute source', '/millrace/send')
    .option('--id <id>', 'attribute id (default: a new one for each event)')
    .option('--subject <subject>', 'attribute subject')
    .option('--time <time>', 'attribute time, RFC 3339 (default: now)')
    .option('-x, --extension <name=value>', 'any other attribute, e.g. partitionkey=42 (may be repeated)', collect)
    .option('-d, --data <text>', 'the data')
    .option('--data-file <file|->', 'the data, from a file; - reads standard input')
    .option('--content-type <type>', 'what the data is (default: application/json when it is JSON, else text/plain)')
    .option(
      '-e, --event <file|->',
      'whole events in the JSON format of CloudEvents instead: one, an array, or one a line',
    )
    .option('--batch <file|->', 'as --event, sent in batch mode: many events a request')
    .option('--structured', 'send in structured mode (default: binary mode)')
    .option('--count <n>', 'send it so many times, each with an id of its own', '1')
    .option('--rate <n>', 'at most so many requests a second (default: as fast as they are answered)')
    .option('--concurrency <n>', 'so many requests at once; 1 keeps the order', '1')
    .option('--retry <n>', 'try again so often on 429, 503 and connections that break, as Retry-After says', '0')
    .option('--timeout <time>', 'how long one request may take', '30s')
  withNamespace(withCluster(command), 'that of the context; default with `millrace dev`')
    .option('--dev <url>', 'where `millrace dev` takes events on this machine', 'http://127.0.0.1:8080')
    .option('-o, --output <format>', 'text, or json: a line of JSON for each request', 'text')
    .addHelpText('after', help)
  runs(command, said, async (typed) => {
    const { sendFlags } = await import('./flags.ts')
    const flags = sendFlags(typed)
    const { send } = await import('./send.ts')
    return send(flags, environment())
  })
}

const help = `
Where a Broker is: \`millrace dev\` on this machine is asked first, unless --kubeconfig or --context is given; then the cluster, by status.address of the
Broker. An address inside of the cluster is reached through the API server (services/proxy, which the ClusterRole edit allows). Where that is not
allowed: kubectl port-forward -n knative-eventing service/kafka-broker-ingress 8081:80, and --url http://127.0.0.1:8081/NAMESPACE/BROKER.

Exit code 0: all were accepted (2xx); 1: one was not; 2: the command, or an event in a file, is wrong.

Examples:
  millrace send default --type order.created -d '{"id": 7}'
  millrace send broker/default -n shop --type order.created -x partitionkey=7 --data-file order.json
  millrace send --url http://localhost:3000/ --event event.json --structured
  millrace send default --type load.test --count 10000 --concurrency 16 --retry 5
  millrace send default --batch events.jsonl`
