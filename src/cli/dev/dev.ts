import { join } from 'node:path'
import { MemoryRoutes } from '../../contract/memory-routes.ts'
import { systemClock as clock } from '../../core/clock.ts'
import type { Fault } from '../../core/fault.ts'
import { createDispatcher } from '../../data-plane/dispatcher/dispatcher.ts'
import { createIngress } from '../../data-plane/ingress/ingress.ts'
import type { Log } from '../../kafka/log.ts'
import { meteredLog } from '../../kafka/metered-log.ts'
import { createLogger, type Logger } from '../../telemetry/logger.ts'
import type { Topology } from '../../viewer/topology.ts'
import { createViewer } from '../../viewer/viewer.ts'
import { fileVault } from '../file-vault.ts'
import { inherited, metricsPortOf, type DevFlags, type Environment } from '../flags.ts'
import { drainIngress } from '../drain.ts'
import { Territory } from '../lineage/territory.ts'
import { openMetrics } from '../metrics/serve.ts'
import { openTracing } from '../tracing/open-tracing.ts'
import { aborted, drainDeadline, stopSignal } from '../stop.ts'
import { fingerprint, readFiles, watchFiles } from '../watched-files.ts'
import { Applier } from './applier.ts'
import { Processes } from './processes.ts'
import { devLineage, sharedKafka } from './lineage.ts'
import { localServices } from './services.ts'
import { SourceLines } from './source-lines.ts'
import { Topics } from './topics.ts'
import { topologyOf } from './topology.ts'
import { Voice } from './voice.ts'

const host = '127.0.0.1'
/** There is one log, whatever it is: the name is for us. */
const devCluster = { bootstrapServers: 'dev' }
/** How often manifests are looked at, milliseconds. */
const watchMs = 200

/**
 * Brokers, Triggers and KafkaSources on a laptop: the rooms of the cluster, put together in one process.
 *
 *     manifests ──► Applier ──► Inlets ──► ingress ──► log ──► dispatcher ◄── Outlets ◄── Applier
 *                                                                  └──► your services, or the display
 *
 * Runs until SIGINT or SIGTERM, then drains. @throws Fault or system errors of the start: port in use, data folder locked, file missing.
 */
export async function dev(flags: DevFlags, env: Environment): Promise<void> {
  const stop = stopSignal()
  const logger = createLogger(env.MILLRACE_LOG ?? 'error')
  await using cleanup = new AsyncDisposableStack()
  const readAt = fingerprint(flags.filename)
  const files = readFiles(flags.filename)
  const metricsPort = metricsPortOf(flags, false)
  const metrics = cleanup.use(await openMetrics('dev', { host, port: metricsPort }, logger))
  const { meters, url: metricsUrl } = metrics
  const tracing = cleanup.use(await openTracing('dev', flags, env, { logger, meters }))
  const log = meteredLog(await openLog(flags, logger), meters?.kafka)
  cleanup.defer(() => log.close())
  // The page is there first, since Services that are not mapped lead to it; what it draws comes later.
  let topology = (): Topology | null => null
  const lineage = cleanup.use(devLineage(flags.data, { logger, metrics }))
  const viewer = await createViewer({
    ...{ host, port: flags.displayPort, clock, topology: { read: () => topology() } },
    lineage: (request, response, url) => lineage.answer(request, response, url),
  })
  cleanup.defer(() => viewer.close())
  const routes = new MemoryRoutes()
  const appender = log.appender()
  const ingress = await createIngress({
    appender,
    inlets: routes.inlets,
    logger,
    clock,
    options: { host, port: flags.port },
    metrics: meters?.metrics,
    spans: tracing.spans,
    lineage: lineage.noted,
  })

  const voice = new Voice(viewer.url)
  voice.line(`Millrace dev, ${flags.kafka === undefined ? `embedded log in ${flags.data}` : `Kafka at ${flags.kafka}`}`)
  const metricsLine = metricsUrl === undefined ? '' : `  metrics  ${metricsUrl}\n`
  const tracesLine = tracing.line === undefined ? '' : `  traces   ${tracing.line}\n`
  voice.line(`  ingress  ${ingress.url}\n  display  ${viewer.url}\n${metricsLine}${tracesLine}`)

  const admin = log.admin()
  cleanup.defer(() => admin.close())
  const topics = new Topics(admin, flags.kafka === undefined, (fault) => {
    voice.once('log', logLine(flags, fault))
    applier.conclude()
  })
  cleanup.defer(() => topics.close())
  const sourceLines = new SourceLines({
    voice,
    kafka: flags.kafka,
    records: { host, port: flags.port, appender, admin },
  })
  cleanup.defer(() => sourceLines.close())
  const processes = new Processes(inherited(), voice)
  cleanup.defer(() => processes.close())
  const applier = new Applier({
    options: {
      resolveReference: localServices(flags.service, viewer.url, () => applier.services),
      ingressUrl: ingress.url,
      topicDefaults: { partitions: 10, replicationFactor: 1, config: {} },
      ...(flags.kafka === undefined ? { maxReplicationFactor: 1 } : {}),
    },
    namespace: flags.namespace,
    routes,
    topics,
    voice,
    processes,
    sourceLines,
  })
  const [reader, positions, replies] = [log.reader(), log.positions(), log.appender()]
  cleanup.defer(async () => void (await Promise.all([reader.close(), positions.close()])))
  const dispatcher = createDispatcher({
    reader,
    positions,
    appender: replies,
    admin,
    membership: (handler) => log.membership({ group: 'millrace-dev', instance: 'dev' }, handler),
    outlets: routes.outlets,
    reporter: applier,
    vault: fileVault(join(flags.data, 'positions')),
    clock,
    logger,
    spans: tracing.spans,
    lineage: lineage.noted,
    options: { tallies: meters !== undefined },
  })
  meters?.dispatchers.watch(dispatcher)
  lineage.serve({
    territory: new Territory({ inlets: routes.inlets, outlets: routes.outlets, main: devCluster }),
    standings: ({ place }) => dispatcher.standings(place),
    open: () => sharedKafka(log, admin),
  })

  topology = () => topologyOf(applier.world, dispatcher.snapshot())
  applier.apply(files)
  cleanup.defer(watchFiles(flags.filename, watchMs, () => reapply(flags, applier, voice), readAt))
  await aborted(stop)
  voice.line('\nDraining; press ctrl-C again to leave at once.')
  // First those who send: what they have sent is still taken.
  await processes.close()
  const left = drainDeadline(clock)
  await drainIngress(ingress, appender, left)
  await dispatcher.close({ deadlineMs: left(), forGood: true })
  await replies.close(left())
}

function reapply(flags: DevFlags, applier: Applier, voice: Voice): void {
  try {
    applier.apply(readFiles(flags.filename))
    voice.once('files', '')
  } catch (error) {
    voice.once('files', `Manifests cannot be read (${(error as Error).message}); what was applied stays in force.`)
  }
}

/** Loads only the adapter that is used: the Kafka clients alone take most of a second. */
async function openLog(flags: DevFlags, logger: Logger): Promise<Log> {
  if (flags.kafka !== undefined) {
    const { openKafkaLog } = await import('../../kafka/kafka-log.ts')
    return openKafkaLog({ bootstrapServers: flags.kafka, clientId: 'millrace-dev', clock, logger })
  }
  const { openEmbeddedLog } = await import('../../kafka/embedded/embedded.ts')
  const retention = { bytes: flags.retentionMib * 1024 * 1024, ms: flags.retentionHours * 3_600_000 }
  return openEmbeddedLog({ dir: flags.data, fsync: flags.fsync, retention, clock, logger })
}

function logLine(flags: DevFlags, fault: Fault | null): string {
  const where = flags.kafka === undefined ? `The log in ${flags.data}` : `Kafka at ${flags.kafka}`
  if (fault !== null)
    return `${where} cannot be used: ${fault.message.replace(/\.?$/, '.')} Trying again until it can; senders get 503, nothing accepted is lost.`
  return ''
}
