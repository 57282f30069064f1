import { systemClock as clock } from '../core/clock.ts'
import { createLogger, type Logger } from '../telemetry/logger.ts'
import type { Environment } from './flags.ts'
import { aborted, drainDeadline, stopSignal } from './stop.ts'
import type { DispatcherFlags } from './worker-flags.ts'
import { fileDispatcher } from './workers/file-dispatcher.ts'
import { startHealth } from './workers/health.ts'

/** A dispatcher worker at work. */
export interface RunningDispatcher {
  /** Why it shall not be counted on now; null: it may. */
  unready(): string | null
  /** Finishes what is in flight and commits, in the time that is left. */
  close(left: () => number): Promise<void>
}

export interface DispatcherSetting<Source> {
  readonly flags: DispatcherFlags
  readonly source: Source
  readonly logger: Logger
  /** Aborts when it shall stop: what is not started yet need not start. */
  readonly stop: AbortSignal
}

/** The dispatcher worker: runs until SIGINT or SIGTERM, then finishes what is in flight and commits. */
export async function dispatcher(flags: DispatcherFlags, env: Environment): Promise<void> {
  const stop = stopSignal()
  const logger = createLogger(env.MILLRACE_LOG ?? 'warn')
  const { source, host, healthPort } = flags
  const running =
    source.kind === 'file'
      ? fileDispatcher({ flags, source, logger, stop })
      : await (await import('./workers/kube-dispatcher.ts')).kubeDispatcher({ flags, source, logger, stop })
  const unready = (): string | null => (stop.aborted ? 'shutting down' : running.unready())
  const health = healthPort === undefined ? null : await startHealth({ host, port: healthPort, unready })
  console.log(health === null ? 'dispatcher' : `dispatcher ${health.url}`)
  await aborted(stop)
  await running.close(drainDeadline(clock))
  await health?.close()
}
