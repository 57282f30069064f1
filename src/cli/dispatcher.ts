import { systemClock as clock } from '../core/clock.ts'
import { createLogger } from '../telemetry/logger.ts'
import type { Environment } from './flags.ts'
import { openLineage } from './lineage/open-lineage.ts'
import { openMetrics } from './metrics/serve.ts'
import { openTracing } from './tracing/open-tracing.ts'
import { listenOn } from './listen.ts'
import { aborted, drainDeadline, stopSignal } from './stop.ts'
import type { DispatcherFlags } from './worker-flags.ts'
import { fileDispatcher } from './workers/file-dispatcher.ts'
import { startHealth } from './workers/health.ts'
import type { RunningDispatcher } from './workers/running-dispatcher.ts'

/** The dispatcher worker: runs until SIGINT or SIGTERM, then finishes what is in flight and commits. */
export async function dispatcher(flags: DispatcherFlags, env: Environment): Promise<void> {
  const stop = stopSignal()
  const logger = createLogger(env.MILLRACE_LOG ?? 'warn')
  const { source, healthPort: port, host, metricsPort } = flags
  await using metrics = await openMetrics('dispatcher', { host, port: metricsPort }, logger)
  await using tracing = await openTracing('dispatcher', flags.tracing, env, { logger, meters: metrics.meters })
  let running: RunningDispatcher | null = null
  const unready = (): string | null => {
    if (stop.aborted) return 'shutting down'
    return running === null ? 'starting' : running.unready()
  }
  // first, so that a port that is taken is noticed before anything is begun
  const health = port === undefined ? null : await listenOn(flags.host, (host) => startHealth({ host, port, unready }))
  const worker = source.kind === 'kubernetes' ? source.name : flags.instance
  await using lineage = openLineage({ role: 'dispatcher', worker, flags: flags.lineage, logger, metrics })
  const setting = {
    lineage: lineage.noted,
    asked: lineage,
    flags,
    logger,
    stop,
    meters: metrics.meters,
    spans: tracing.spans,
  }
  try {
    running =
      source.kind === 'file'
        ? fileDispatcher({ ...setting, source })
        : await (await import('./workers/kube-dispatcher.ts')).kubeDispatcher({ ...setting, source })
    // With a file of routes standard output is for reports, JSON lines.
    if (health !== null) console.log(`dispatcher ${health.url}`)
    if (metrics.url !== undefined) console.log(`metrics ${metrics.url}`)
    if (tracing.line !== undefined) console.log(`traces ${tracing.line}`)
    await aborted(stop)
    await running.close(drainDeadline(clock))
  } finally {
    await health?.close()
  }
}
