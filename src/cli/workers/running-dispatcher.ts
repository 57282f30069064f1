import type { Logger } from '../../telemetry/logger.ts'
import type { Meters } from '../metrics/meters.ts'
import type { DispatcherFlags } from '../worker-flags.ts'

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
  /** Absent: nobody asks for metrics. */
  readonly meters?: Meters | undefined
  /** Aborts when it shall stop: what is not started yet need not start. */
  readonly stop: AbortSignal
}
