import { join } from 'node:path'
import { systemClock as clock } from '../core/clock.ts'
import { createDispatcher } from '../data-plane/dispatcher/dispatcher.ts'
import { openKafkaLog } from '../kafka/kafka-log.ts'
import { createLogger } from '../telemetry/logger.ts'
import { fileRoutes } from './file-routes.ts'
import { fileVault } from './file-vault.ts'
import type { DispatcherFlags, Environment } from './flags.ts'
import { aborted, drainDeadline, stopSignal } from './stop.ts'

/** The dispatcher worker: runs until SIGINT or SIGTERM, then finishes what is in flight and commits. Reports go to standard output, JSON lines. */
export async function dispatcher(flags: DispatcherFlags, env: Environment): Promise<void> {
  const stop = stopSignal()
  const logger = createLogger(env.MILLRACE_LOG ?? 'warn')
  await using cleanup = new AsyncDisposableStack()
  const { routes, close: closeRoutes } = fileRoutes(flags.routes, logger)
  cleanup.defer(closeRoutes)
  const clientId = `millrace-dispatcher-${flags.instance}`
  const log = openKafkaLog({ bootstrapServers: flags.kafka, clientId, clock, logger })
  cleanup.defer(() => log.close())
  const [reader, positions, appender, admin] = [log.reader(), log.positions(), log.appender(), log.admin()]
  const worker = createDispatcher({
    reader,
    positions,
    appender,
    admin,
    membership: (handler) => log.membership({ group: flags.group, instance: flags.instance }, handler),
    outlets: routes.outlets,
    reporter: { report: (report) => console.log(JSON.stringify(report)) },
    vault: fileVault(join(flags.data, 'positions')),
    clock,
    logger,
  })
  await aborted(stop)
  const left = drainDeadline(clock)
  await worker.close({ deadlineMs: left(), forGood: false })
  await appender.close(left())
  await Promise.all([reader.close(), positions.close(), admin.close()])
}
