import { join } from 'node:path'
import type { Log, LogAdmin } from '../../kafka/log.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { OpenedKafka } from '../lineage/answers.ts'
import { boundsOf, usualHours, usualMib } from '../lineage/flags.ts'
import { openLineage, type Lineage } from '../lineage/open-lineage.ts'
import type { ServedMetrics } from '../metrics/serve.ts'

/** Lineage of `dev`: in its data folder, always on; the display asks who wants to see it. */
export function devLineage(
  data: string,
  parts: { readonly logger: Logger; readonly metrics: Pick<ServedMetrics, 'meters' | 'handle'> },
): Lineage {
  const flags = {
    folder: join(data, 'lineage'),
    bounds: boundsOf(usualMib, usualHours),
    access: { kind: 'loopback' },
  } as const
  return openLineage({ role: 'dev', worker: 'millrace dev', flags, ...parts })
}

/** There is one log, and who looks for a record reads it beside the others. */
export function sharedKafka(log: Log, admin: LogAdmin): OpenedKafka {
  const reader = log.reader()
  return { reader, admin, close: () => reader.close() }
}
