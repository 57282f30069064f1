import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../core/clock.ts'
import { http } from '../core/node-http.ts'
import { isLoopback } from './access.ts'
import type { LineageAnswers } from './lineage.ts'
import { ViewerRequests } from './requests.ts'
import type { TopologySource } from './topology.ts'

/** Senders keep a connection over the pauses of somebody who tries things out. */
const idleMs = 60_000
/** Attributes come as headers. */
const maxHeaderSize = 128 * 1024
/** How often streams are told the rate, and that we are still there, milliseconds. */
const tickMs = 1_000

/**
 * The built-in display: `POST` anywhere takes CloudEvents, `GET /` is the page, `GET /events` the events as Server-Sent Events, `/ws` as a
 * WebSocket, `GET /topology` what is around it, `GET /lineage…` what became of an event.
 */
export interface Viewer {
  readonly url: string
  /** Ends open streams and stops listening. */
  close(): Promise<void>
}

export interface ViewerOptions {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly clock: Clock
  /** What late joiners still see: so many events at most. Default 2,000. */
  readonly maxEvents?: number
  /** And about so much memory, bytes. Default 32 MiB. */
  readonly maxBytes?: number
  /** Who wants to see must have it. Default: everybody may. */
  readonly token?: string | undefined
  /** Whether who sends must have it too. */
  readonly protectIngest?: boolean
  /** Default: there is no topology to be seen. */
  readonly topology?: TopologySource
  /** Default: nobody knows here what became of an event. */
  readonly lineage?: LineageAnswers
}

/** @throws Error with `code` EADDRINUSE when the port is taken. */
export async function createViewer(options: ViewerOptions): Promise<Viewer> {
  const { host, clock, maxEvents = 2_000, maxBytes = 32 * 1024 * 1024 } = options
  const requests = new ViewerRequests({
    clock,
    limit: { events: maxEvents, bytes: maxBytes },
    topology: options.topology ?? null,
    lineage: options.lineage ?? null,
    access: {
      token: options.token,
      protectIngest: options.protectIngest ?? false,
      loopback: isLoopback(host),
    },
  })
  const server = http.createServer(
    { keepAliveTimeout: idleMs, maxHeaderSize, shouldUpgradeCallback: isWebSocket },
    (request, response) => void requests.answer(request, response),
  )
  server.on('upgrade', (request, socket, head) => requests.upgrade(request, socket, head))
  await listening(server, options)
  const ticking = setInterval(() => requests.tick(), tickMs)
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        clearInterval(ticking)
        requests.close()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Some HTTP clients offer an upgrade to HTTP/2 with every request; they are to be answered as if they had not. */
function isWebSocket({ headers }: { headers: NodeJS.Dict<string | string[]> }): boolean {
  return String(headers['upgrade']).toLowerCase() === 'websocket'
}

function listening(server: Server, at: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(at.port, at.host, resolve)
  })
}
