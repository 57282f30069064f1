import { readFileSync } from 'node:fs'
import { systemClock as clock } from '../../core/clock.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { labelText } from '../../telemetry/metrics/family.ts'
import { ProcessMetrics } from '../../telemetry/metrics/process.ts'
import { serveMetrics, type RequestHandler } from '../../telemetry/metrics/server.ts'
import { listenOn } from '../listen.ts'
import { Meters } from './meters.ts'

/** Where the metrics of a process are asked for. */
export interface MetricsAddress {
  readonly host: string
  /** Absent: nobody asks, and nothing is counted. */
  readonly port: number | undefined
}

export interface ServedMetrics extends AsyncDisposable {
  readonly meters: Meters | undefined
  /** Of the page; absent: there is none. */
  readonly url: string | undefined
  /** Other requests to the same port, at `path` and below; where there is no port nobody asks. */
  readonly handle: (path: string, handler: RequestHandler) => void
}

/**
 * Opens GET /metrics of a process.
 * @throws the system's error when the address is in use or not ours.
 */
export async function openMetrics(
  role: 'ingress' | 'dispatcher' | 'controller' | 'dev',
  { host, port }: MetricsAddress,
  logger: Logger,
): Promise<ServedMetrics> {
  if (port === undefined) {
    const handle = (): void => undefined
    return { meters: undefined, url: undefined, handle, [Symbol.asyncDispose]: () => Promise.resolve() }
  }
  const meters = new Meters(clock)
  const { metrics } = meters
  const server = await listenOn(host, (at) => serveMetrics({ host: at, port, metrics, logger }))
  const ours = new ProcessMetrics(labelText({ version: version(), node: process.version, role }))
  metrics.add(ours)
  const close = async (): Promise<void> => {
    ours.close()
    await server.close()
  }
  const { url, handle } = server
  return { meters, url: `${url}/metrics`, handle, [Symbol.asyncDispose]: close }
}

/** Of Millrace. */
export function version(): string {
  const file = new URL('../../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
