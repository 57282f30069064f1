import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { http } from '../../core/node-http.ts'

export interface Health {
  /** `http://host:port`, without a trailing slash. */
  readonly url: string
  close(): Promise<void>
}

export interface HealthOptions {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** Why this process shall not be counted on now, in a few words; null: it may. */
  unready(): string | null
}

/**
 * Answers probes: GET /healthz with 200 as long as the event loop turns, so a process that hangs is restarted; GET /readyz with 503 and why.
 * @throws the system's error when the address is in use or not ours.
 */
export async function startHealth(options: HealthOptions): Promise<Health> {
  const server = http.createServer((request, response) => {
    const path = request.url?.split('?')[0]
    const reason = path === '/readyz' ? options.unready() : null
    const status = path !== '/healthz' && path !== '/readyz' ? 404 : reason === null ? 200 : 503
    const text = status === 404 ? 'GET /healthz or /readyz' : (reason ?? 'ok')
    response.writeHead(status, { 'content-type': 'text/plain' }).end(`${text}\n`)
  })
  server.listen(options.port, options.host)
  // rejects with the error of the server when that comes first
  await once(server, 'listening')
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  const { address, family, port: taken } = server.address() as AddressInfo
  return { url: `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`, close }
}
