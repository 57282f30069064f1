import { systemClock as clock } from '../core/clock.ts'
import { createLogger } from '../telemetry/logger.ts'
import type { Environment } from './flags.ts'
import { openMetrics } from './metrics/serve.ts'
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
  let running: RunningDispatcher | null = null
  const unready = (): string | null => {
    if (stop.aborted) return 'shutting down'
    return running === null ? 'starting' : running.unready()
  }
  // first, so that a port that is taken is noticed before anything is begun
  const health = port === undefined ? null : await listenOn(flags.host, (host) => startHealth({ host, port, unready }))
  const setting = { flags, logger, stop, meters: metrics.meters }
  try {
    running =
      source.kind === 'file'
        ? fileDispatcher({ ...setting, source })
        : await (await import('./workers/kube-dispatcher.ts')).kubeDispatcher({ ...setting, source })
    // With a file of routes standard output is for reports, JSON lines.
    if (health !== null) console.log(`dispatcher ${health.url}`)
    if (metrics.url !== undefined) console.log(`metrics ${metrics.url}`)
    await aborted(stop)
    await running.close(drainDeadline(clock))
  } finally {
    await health?.close()
  }
}
