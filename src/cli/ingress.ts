import { systemClock as clock } from '../core/clock.ts'
import { createIngress } from '../data-plane/ingress/ingress.ts'
import type { KafkaCluster } from '../contract/source.ts'
import type { RouteSource } from '../contract/route-source.ts'
import { createLogger, type Logger } from '../telemetry/logger.ts'
import { drainIngress } from './drain.ts'
import { fileCredentials } from './file-credentials.ts'
import { fileRoutes } from './file-routes.ts'
import type { Environment } from './flags.ts'
import { listenOn } from './listen.ts'
import { kafkaOpener } from './lineage/kafka.ts'
import { openLineage } from './lineage/open-lineage.ts'
import { Territory } from './lineage/territory.ts'
import type { Meters } from './metrics/meters.ts'
import { openMetrics } from './metrics/serve.ts'
import { openTracing } from './tracing/open-tracing.ts'
import { aborted, drainDeadline, stopSignal } from './stop.ts'
import type { FileFlags, IngressFlags, KubernetesFlags } from './worker-flags.ts'
import { Appenders } from './workers/appenders.ts'
import { Credentials } from './workers/credentials.ts'

interface Routed {
  readonly routes: RouteSource
  readonly credentials: Credentials
  loaded(): boolean
}

/** What a worker says of itself is removed within this time, milliseconds. */
const farewellMs = 1_000

/** The ingress worker: runs until SIGINT or SIGTERM, then answers what it has accepted. */
export async function ingress(flags: IngressFlags, env: Environment): Promise<void> {
  const stop = stopSignal()
  const logger = createLogger(env.MILLRACE_LOG ?? 'warn')
  await using cleanup = new AsyncDisposableStack()
  const { kafka, source, port, lameDuckMs, host, metricsPort } = flags
  const metrics = cleanup.use(await openMetrics('ingress', { host, port: metricsPort }, logger))
  const { meters, url: metricsUrl } = metrics
  const tracing = cleanup.use(await openTracing('ingress', flags.tracing, env, { logger, meters }))
  const routed =
    source.kind === 'file'
      ? fromFile(source, logger, cleanup)
      : await fromKubernetes(source, { kafka, logger, cleanup, meters })
  const { inlets } = routed.routes
  const { credentials } = routed
  const worker = source.kind === 'kubernetes' ? source.name : 'ingress'
  const lineage = cleanup.use(openLineage({ role: 'ingress', worker, flags: flags.lineage, logger, metrics }))
  lineage.serve({
    territory: new Territory({ inlets, main: kafka }),
    standings: () => [],
    open: kafkaOpener({ credentials, clock, logger }),
  })
  const appenders = new Appenders({ inlets, kafka, credentials, clock, logger, meters })
  cleanup.defer(() => appenders.close(0))
  const server = await listenOn(host, (host) =>
    createIngress({
      appender: (inlet) => appenders.of(inlet),
      ...{
        inlets,
        loaded: () => routed.loaded(),
        logger,
        clock,
        metrics: meters?.metrics,
        spans: tracing.spans,
        lineage: lineage.noted,
      },
      options: { host, port, lameDuckMs },
    }),
  )
  console.log(`ingress ${server.url}`)
  if (metricsUrl !== undefined) console.log(`metrics ${metricsUrl}`)
  if (tracing.line !== undefined) console.log(`traces ${tracing.line}`)
  await aborted(stop)
  await drainIngress(server, appenders, drainDeadline(clock))
}

function fromFile({ file, credentials }: FileFlags, logger: Logger, cleanup: AsyncDisposableStack): Routed {
  const texts = fileCredentials(credentials)
  const { routes, close } = fileRoutes(file, logger)
  cleanup.defer(close)
  cleanup.defer(() => texts.close())
  return { routes, credentials: new Credentials(() => texts, logger), loaded: () => true }
}

/** Listens from the start: until the routes are loaded /readyz says so. */
async function fromKubernetes(
  flags: KubernetesFlags,
  parts: {
    readonly kafka: KafkaCluster | undefined
    readonly logger: Logger
    readonly cleanup: AsyncDisposableStack
    readonly meters: Meters | undefined
  },
): Promise<Routed> {
  const { kafka, logger, cleanup, meters } = parts
  const { clusterSide } = await import('./workers/cluster-side.ts')
  const ended = new AbortController()
  cleanup.defer(() => ended.abort())
  const side = await clusterSide({
    ...{ flags, role: 'ingress', kafka, clock, logger, signal: ended.signal, meters },
  })
  const { client, routes, credentials } = side
  cleanup.defer(() => client.close())
  routes.ready().then(
    () => {
      const worker = side.announce(() => [])
      cleanup.defer(() => worker.close(farewellMs))
    },
    () => undefined, // stopped before
  )
  return { routes, credentials, loaded: () => routes.loaded }
}
