import type { Command } from 'commander'
import { environment } from './flags.ts'
import { dispatcherFlags, ingressFlags } from './worker-flags.ts'

/** The processes that events pass through: in a cluster, or on a file of routes. */
export function addWorkers(millrace: Command): void {
  addSources(millrace.command('ingress'))
    .description('Worker: accept CloudEvents over HTTP and append them to Kafka.')
    .option('--instance <name>', 'with --kubernetes: name of this process (default: POD_NAME)')
    .option('--host <address>', 'address to listen on (default: :: in a pod, all of IPv6 and IPv4, else 127.0.0.1)')
    .option('--port <port>', 'port to listen on, for events and for GET /healthz and /readyz', '8080')
    .option('--lame-duck <time>', 'on SIGTERM go on taking events for so long (default: 3s with --kubernetes, else 0)')
    .addHelpText(
      'after',
      '\nExamples:\n  millrace ingress --kubernetes --port 8080\n  millrace ingress --kubernetes --kubeconfig ~/.kube/config --namespace knative-eventing --instance mine\n  millrace ingress --routes routes.json --kafka localhost:9092',
    )
    .action(async (options: unknown) => {
      const env = environment()
      const flags = ingressFlags(options, env)
      const { ingress } = await import('./ingress.ts')
      await ingress(flags, env)
    })
  addSources(millrace.command('dispatcher'))
    .description('Worker: deliver events from Kafka to subscribers.')
    .option(
      '--instance <name>',
      'stable name of this process; a restart under it moves no partition (default with --kubernetes: POD_NAME)',
    )
    .option('--group <name>', 'Kafka group of the dispatcher fleet', 'millrace-dispatcher')
    .option(
      '--host <address>',
      'address of GET /healthz and /readyz (default: :: in a pod, all of IPv6 and IPv4, else 127.0.0.1)',
    )
    .option('--health-port <port>', 'port of GET /healthz and /readyz (default: 8081 with --kubernetes, else none)')
    .option('--data <folder>', 'with --routes: where positions are kept while a group is converted', '.millrace')
    .addHelpText(
      'after',
      '\nExamples:\n  millrace dispatcher --kubernetes --instance $POD_NAME --health-port 8081\n  millrace dispatcher --kubernetes --kubeconfig ~/.kube/config --instance mine\n  millrace dispatcher --routes routes.json --kafka localhost:9092 --instance mine',
    )
    .action(async (options: unknown) => {
      const env = environment()
      const flags = dispatcherFlags(options, env)
      const { dispatcher } = await import('./dispatcher.ts')
      await dispatcher(flags, env)
    })
}

function addSources(command: Command): Command {
  return command
    .option('--kubernetes', 'take Inlets and Outlets from the API server of the cluster')
    .option('-n, --namespace <name>', 'with --kubernetes: the system namespace (default: that of the pod)')
    .option('--kubeconfig <file>', 'with --kubernetes: how to reach it from outside (default: as a pod of it)')
    .option(
      '--routes <file>',
      'instead of --kubernetes: JSON file {"inlets": [...], "outlets": [...]}; replacing it applies it',
    )
    .option('--metrics-port <port|off>', 'port of GET /metrics for Prometheus (default: 9090 in a pod, else off)')
    .option(
      '--tracing-endpoint <url|off>',
      'collector of traces, OTLP over HTTP, e.g. http://localhost:4318 (default: OTEL_EXPORTER_OTLP_ENDPOINT, else off)',
    )
    .option('--tracing-sampling-rate <rate>', 'of new traces keep so many, 0 to 1 (default: 1)')
    .option(
      '--tracing-credentials <folder>',
      'what the collector wants to see: headers (name=value, a line each), ca.crt',
    )
    .option(
      '--lineage <folder>',
      'remember there what becomes of events, for millrace trace; told at /lineage of the port of metrics (default: off)',
    )
    .option('--lineage-mib <n>', 'how much of it is kept', '64')
    .option('--lineage-hours <n>', 'how long it is kept', '24')
    .option(
      '--lineage-token-file <file>',
      'who asks must show what is in it, in header x-millrace-token (default: programs of this machine may ask; in a pod nobody)',
    )
    .option(
      '--kafka <host:port>',
      'bootstrap servers of the main Kafka cluster: of routes that name none, and where dispatchers meet',
    )
    .option(
      '--kafka-credential <name>',
      'what to sign in there with: a Secret of namespace millrace-credentials, or with --routes a file of --credentials',
    )
    .option(
      '--credentials <folder>',
      'with --routes: how to sign in to Kafka, <name>.json each, e.g. {"tls":{"ca":"-----BEGIN ..."},"sasl":{"mechanism":"SCRAM-SHA-512","username":"u","password":"p"}}; replacing a file applies it',
    )
}
