import { systemClock as clock } from '../../core/clock.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { Spans } from '../../telemetry/spans.ts'
import type { Environment } from '../flags.ts'
import type { Meters } from '../metrics/meters.ts'
import { version } from '../metrics/serve.ts'
import { collectorCredentials } from './credentials.ts'
import { tracingSettings, type TracingFlags, type TracingRole } from './settings.ts'

export interface Tracing extends AsyncDisposable {
  /** Absent: tracing is off. */
  readonly spans: Spans | undefined
  /** Where spans are sent, and how many; absent: tracing is off. */
  readonly line: string | undefined
}

/** How long the last spans may take at the end: what drains before that has its own time, and a pod 30 s in all, milliseconds. */
const flushMs = 3_000

/**
 * Opens the traces of a process. Where nobody wants any, nothing is loaded. Disposed of, it sends what is left.
 * @throws UsageError with every problem of the flags and the environment at once.
 */
export async function openTracing(
  role: TracingRole,
  flags: TracingFlags,
  env: Environment,
  { logger, meters }: { readonly logger: Logger; readonly meters: Meters | undefined },
): Promise<Tracing> {
  const settings = tracingSettings(role, flags, env)
  if (settings === undefined) return { spans: undefined, line: undefined, [Symbol.asyncDispose]: async () => undefined }
  const { openSpans } = await import('../../telemetry/tracing/open-spans.ts')
  const { url, ratio, resource } = settings
  const tracing = openSpans({
    ...{ url, ratio, version: version(), clock, logger },
    resource: { 'service.version': version(), ...resource },
    credentials: collectorCredentials(settings),
  })
  meters?.metrics.add(tracing.counts)
  const line = `${url} (${ratio * 100} % of new traces)`
  return { spans: tracing.spans, line, [Symbol.asyncDispose]: () => tracing.close(flushMs) }
}
