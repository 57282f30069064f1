import { systemClock as clock } from '../core/clock.ts'
import { createIngress } from '../data-plane/ingress/ingress.ts'
import { openKafkaLog } from '../kafka/kafka-log.ts'
import { createLogger } from '../telemetry/logger.ts'
import { drainIngress } from './drain.ts'
import { fileRoutes } from './file-routes.ts'
import type { Environment, IngressFlags } from './flags.ts'
import { aborted, drainDeadline, stopSignal } from './stop.ts'

/** The ingress worker: runs until SIGINT or SIGTERM, then answers what it has accepted. */
export async function ingress(flags: IngressFlags, env: Environment): Promise<void> {
  const stop = stopSignal()
  const logger = createLogger(env.MILLRACE_LOG ?? 'warn')
  await using cleanup = new AsyncDisposableStack()
  const { routes, close: closeRoutes } = fileRoutes(flags.routes, logger)
  cleanup.defer(closeRoutes)
  const log = openKafkaLog({ bootstrapServers: flags.kafka, clientId: 'millrace-ingress', clock, logger })
  cleanup.defer(() => log.close())
  const appender = log.appender()
  const options = { host: flags.host, port: flags.port }
  const server = await createIngress({ appender, inlets: routes.inlets, logger, clock, options })
  console.log(`ingress ${server.url}`)
  await aborted(stop)
  await drainIngress(server, appender, drainDeadline(clock))
}
