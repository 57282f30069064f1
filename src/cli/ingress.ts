import { systemClock as clock } from '../core/clock.ts'
import { createIngress } from '../data-plane/ingress/ingress.ts'
import type { RouteSource } from '../contract/route-source.ts'
import { createLogger, type Logger } from '../telemetry/logger.ts'
import { drainIngress } from './drain.ts'
import { fileRoutes } from './file-routes.ts'
import type { Environment } from './flags.ts'
import { listenOn } from './listen.ts'
import { aborted, drainDeadline, stopSignal } from './stop.ts'
import type { IngressFlags, KubernetesFlags } from './worker-flags.ts'
import { Appenders } from './workers/appenders.ts'

interface Routed {
  readonly routes: RouteSource
  loaded(): boolean
}

/** What a worker says of itself is removed within this time, milliseconds. */
const farewellMs = 1_000

/** The ingress worker: runs until SIGINT or SIGTERM, then answers what it has accepted. */
export async function ingress(flags: IngressFlags, env: Environment): Promise<void> {
  const stop = stopSignal()
  const logger = createLogger(env.MILLRACE_LOG ?? 'warn')
  await using cleanup = new AsyncDisposableStack()
  const { kafka, source, port, lameDuckMs } = flags
  const routed =
    source.kind === 'file'
      ? fromFile(source.file, logger, cleanup)
      : await fromKubernetes(source, kafka, logger, cleanup)
  const { inlets } = routed.routes
  const appenders = new Appenders({ inlets, kafka, clock, logger })
  cleanup.defer(() => appenders.close(0))
  const server = await listenOn(flags.host, (host) =>
    createIngress({
      appender: (inlet) => appenders.of(inlet),
      ...{ inlets, loaded: () => routed.loaded(), logger, clock },
      options: { host, port, lameDuckMs },
    }),
  )
  console.log(`ingress ${server.url}`)
  await aborted(stop)
  await drainIngress(server, appenders, drainDeadline(clock))
}

function fromFile(file: string, logger: Logger, cleanup: AsyncDisposableStack): Routed {
  const { routes, close } = fileRoutes(file, logger)
  cleanup.defer(close)
  return { routes, loaded: () => true }
}

/** Listens from the start: until the routes are loaded /readyz says so. */
async function fromKubernetes(
  flags: KubernetesFlags,
  kafka: string | undefined,
  logger: Logger,
  cleanup: AsyncDisposableStack,
): Promise<Routed> {
  const { clusterSide } = await import('./workers/cluster-side.ts')
  const ended = new AbortController()
  cleanup.defer(() => ended.abort())
  const side = await clusterSide({
    ...{ flags, role: 'ingress', kafka, clock, logger, signal: ended.signal },
  })
  const { client, routes } = side
  cleanup.defer(() => client.close())
  routes.ready().then(
    () => {
      const worker = side.announce(() => [])
      cleanup.defer(() => worker.close(farewellMs))
    },
    () => undefined, // stopped before
  )
  return { routes, loaded: () => routes.loaded }
}
