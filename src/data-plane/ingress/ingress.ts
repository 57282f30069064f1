import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import { fastify, type FastifyInstance } from 'fastify'
import type { Inlet } from '../../contract/inlet.ts'
import type { IngressLineage } from '../../contract/lineage.ts'
import type { RouteSet } from '../../contract/route-source.ts'
import type { Clock } from '../../core/clock.ts'
import { http } from '../../core/node-http.ts'
import type { Appender } from '../../kafka/log.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { MetricSource } from '../../telemetry/metrics/samples.ts'
import type { Spans } from '../../telemetry/spans.ts'
import { accept, bodyLimit } from './accept.ts'
import { onClientError } from './client-error.ts'
import { maxHeadBytes, withDefaults, type IngressOptions } from './options.ts'
import { IngressMetrics } from './metrics.ts'
import { answerOther } from './other.ts'
import { methodNotAllowed, noHost, unexpected, type Problem } from './problem.ts'
import { rawProblem, respondUnread } from './respond.ts'
import { allowOf, Routes } from './routes.ts'
import { Shared } from './shared.ts'
import { Tallies } from './tallies.ts'
import { track } from './track.ts'
import { meantAnEvent, Witnesses } from './witness.ts'

/** What the ingress is made of. */
export interface IngressParts {
  /** One for all, or the one of an Inlet's Kafka cluster (a Fault that it throws is the answer). Closed by whoever opened it, after the ingress. */
  readonly appender: Appender | ((inlet: Inlet) => Appender)
  readonly inlets: RouteSet<Inlet>
  readonly logger: Logger
  readonly clock: Clock
  readonly options: IngressOptions
  /** Whether the Inlets are all known: until then /readyz says no. Default: they are. */
  readonly loaded?: () => boolean
  /** Where its metrics are told; absent: nothing is counted. */
  readonly metrics?: { add(source: MetricSource): void } | undefined
  /** Who remembers which events were taken and which were not; absent: nobody. */
  readonly lineage?: IngressLineage | undefined
  /** Who makes spans of it; absent: nobody, and the trace of an event goes through as it came. */
  readonly spans?: Spans | undefined
}

/** A running ingress. */
export interface Ingress {
  /** `http://host:port`, without a trailing slash. */
  readonly url: string
  readonly port: number
  /** Takes no more, answers what it has accepted, at the latest after `deadlineMs`; then cuts the rest. The appender stays open. */
  close(deadlineMs: number): Promise<void>
}

/**
 * Opens the ingress: CloudEvents with POST on the path of an Inlet, OPTIONS as webhooks ask, GET /healthz and /readyz.
 *
 *     connection ─► node:http ─► POST ─► accept (prepared, without a framework's request objects)
 *                            └─► else ─► fastify: probes, then what is neither (other.ts)
 *
 * @throws the system's error when the address is in use or not ours (`code` EADDRINUSE, EACCES, EADDRNOTAVAIL).
 */
export async function createIngress(parts: IngressParts): Promise<Ingress> {
  const limits = withDefaults(parts.options)
  const routes = new Routes(parts.inlets)
  const { appender } = parts
  const appenderOf = typeof appender === 'function' ? appender : () => appender
  const { inlets, logger, clock, metrics } = parts
  const tallies = metrics === undefined ? null : new Tallies(inlets)
  const shared = new Shared({ routes, appenderOf, logger, clock, limits, tallies, witnesses: witnessesOf(parts) })
  const app = fastify({
    serverFactory: (handler) => openServer(shared, handler),
    clientErrorHandler: (error, socket) => onClientError(error, socket, tallies),
    exposeHeadRoutes: true,
    return503OnClosing: false,
  })
  addProbes(app, shared, parts.loaded ?? (() => true))
  try {
    await app.listen({ host: limits.host, port: limits.port })
  } catch (error) {
    routes.close()
    tallies?.close()
    throw error
  }
  if (tallies !== null) metrics?.add(metricsOf(shared, inlets, tallies))
  const { port, address, family } = app.server.address() as AddressInfo
  const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
  return { url, port, close: once((deadlineMs) => drain(app, shared, parts.clock, deadlineMs)) }
}

function metricsOf(shared: Shared, inlets: RouteSet<Inlet>, tallies: Tallies): IngressMetrics {
  const { budget, appenderOf, sockets } = shared
  const connections = (): number => sockets.size
  return new IngressMetrics({ inlets, tallies, budget, appenderOf, open: () => shared.open, connections })
}

function witnessesOf({ lineage, spans }: IngressParts): Witnesses | null {
  return lineage === undefined && spans === undefined ? null : new Witnesses(lineage ?? null, spans ?? null)
}

type Handler = (req: IncomingMessage, res: ServerResponse) => void

function openServer(shared: Shared, other: Handler): Server {
  const { limits } = shared
  const refuse = (req: IncomingMessage, res: ServerResponse, problem: Problem, last: boolean): void => {
    if (meantAnEvent(req)) shared.witnesses?.refused(req, null, problem)
    respondUnread(req, res, problem, last)
  }
  const handle: Handler = (req, res) => {
    track(req.socket, res)
    if (req.headers.host === undefined && req.httpVersion === '1.1') refuse(req, res, noHost, true)
    else if (req.method === 'POST') accept(shared, req, res)
    else other(req, res)
  }
  const server = http.createServer(
    {
      maxHeaderSize: maxHeadBytes,
      // node:http would refuse it without a word
      requireHostHeader: false,
      headersTimeout: Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs),
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.max(50, Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs, 4_000) / 4),
    },
    handle,
  )
  // the head is bounded in bytes; a bound on their number would drop attributes silently
  server.maxHeadersCount = 0
  server.on('connection', (socket: Socket) => {
    shared.sockets.add(socket)
    socket.once('close', () => shared.sockets.delete(socket))
  })
  // a sender that closes its half after the request still waits for the answer
  Object.assign(server, { httpAllowHalfOpen: true })
  // curl asks before it sends a large body: refuse it before it is sent
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
    if (Number(req.headers['content-length'] ?? 0) <= bodyLimit(limits, req)) res.writeContinue()
    handle(req, res)
  })
  server.on('checkExpectation', (req: IncomingMessage, res: ServerResponse) => {
    refuse(req, res, unexpected, shared.draining)
  })
  // without a listener the connection would end without an answer
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    const problem = methodNotAllowed('CONNECT', allowOf(''))
    socket.end(rawProblem(problem, 'Method Not Allowed'), () => socket.destroy())
  })
  return server
}

function addProbes(app: FastifyInstance, shared: Shared, loaded: () => boolean): void {
  app.get('/healthz', (_request, reply) => reply.code(200).type('text/plain').send('ok\n'))
  app.get('/readyz', (_request, reply) => {
    const reason = shared.draining ? 'shutting down' : loaded() ? null : 'routes are not loaded yet'
    return reply
      .code(reason === null ? 200 : 503)
      .type('text/plain')
      .send(`${reason ?? 'ok'}\n`)
  })
  app.setNotFoundHandler((request, reply) => {
    reply.hijack()
    answerOther(shared, request.raw, reply.raw)
  })
}

/** Lame duck, then: no new connections, idle ones closed, each answer ends its connection, at the deadline all are cut. */
async function drain(app: FastifyInstance, shared: Shared, clock: Clock, deadlineMs: number): Promise<void> {
  const end = clock.monotonic() + deadlineMs
  shared.draining = true
  if (shared.limits.lameDuckMs > 0) await delay(Math.min(shared.limits.lameDuckMs, deadlineMs))
  // On a busy machine what senders wrote lies unread, and a connection with an unread request looks idle. One turn of the event loop takes
  // new connections, the next one reads.
  await turn()
  await turn()
  const closed = new Promise<void>((resolve) => app.server.close(() => resolve()))
  // a connection that has not said a word counts as busy for node:http, until its headers are overdue
  for (const socket of shared.sockets) if (socket.bytesRead === 0) socket.destroy()
  const cut = setTimeout(() => app.server.closeAllConnections(), Math.max(0, end - clock.monotonic()))
  await closed
  clearTimeout(cut)
  shared.routes.close()
  shared.tallies?.close()
  await app.close()
}

/** However often it is called, it happens once. */
function once(close: (deadlineMs: number) => Promise<void>): (deadlineMs: number) => Promise<void> {
  let closing: Promise<void> | undefined
  return (deadlineMs) => (closing ??= close(deadlineMs))
}
