import type { DeliveryLineage } from '../../contract/lineage.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { Spans } from '../../telemetry/spans.ts'
import type { Meters } from '../metrics/meters.ts'
import type { Lineage } from '../lineage/open-lineage.ts'
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
  /** Who remembers how deliveries ended; absent: nobody. */
  readonly lineage?: DeliveryLineage | undefined
  /** Who makes spans of deliveries; absent: nobody. */
  readonly spans?: Spans | undefined
  /** Who is asked what became of events. */
  readonly asked: Pick<Lineage, 'serve'>
  /** Aborts when it shall stop: what is not started yet need not start. */
  readonly stop: AbortSignal
}
