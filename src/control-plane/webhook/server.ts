import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import { fastify, type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { ZodError } from 'zod'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { Admission } from './admission.ts'
import { parseBindReview, type BindReview } from './bind.ts'
import { BodyRefused, BodyRoom, type BodyShare } from './bodies.ts'
import type { CertificateSource } from './certificates.ts'
import { answer, notAsked, parseReview } from './review.ts'

/** What the webhook server is made of. */
export interface WebhookServerParts {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** Followed while the server runs: what changes serves the next connection. */
  readonly certificate: CertificateSource
  readonly admit: Admission
  /** Answers reviews of workloads. Default: nobody does. */
  readonly bind?: (review: BindReview) => object
  /** Why /readyz says no; null: ready. Default: ready once there is a certificate. */
  readonly unready?: () => string | null
  readonly clock: Clock
  readonly logger: Logger
  /** On closing: how long requests are still taken while /readyz already says no. Default 0; in a cluster about 3,000 ms. */
  readonly lameDuckMs?: number
}

/** A running webhook server. */
export interface WebhookServer {
  /** `https://host:port`, without a trailing slash. */
  readonly url: string
  readonly port: number
  /** Lame duck, then answers what it has accepted, at the latest after `deadlineMs`; then cuts the rest. */
  close(deadlineMs: number): Promise<void>
}

/** The API server waits 5 s. */
const answerMs = 4_000

/**
 * POST /mutate, /validate and /bind: AdmissionReview v1; GET /healthz and /readyz. HTTPS, from TLS 1.2 on. Without a certificate handshakes fail until
 * one comes.
 *
 * @throws the system's error when the address is in use or not ours.
 */
export async function startWebhookServer(parts: WebhookServerParts): Promise<WebhookServer> {
  const { certificate, host, port, logger, bind } = parts
  const app = fastify({
    https: { minVersion: 'TLSv1.2' },
    requestTimeout: 10_000,
    keepAliveTimeout: 75_000,
    return503OnClosing: false,
  }) as unknown as FastifyInstance
  const state = { draining: false }
  boundBodies(app)
  addProbes(app, parts, state)
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    if (error instanceof BodyRefused) return refuseBody(error, reply)
    if ((error.statusCode ?? 500) < 500) return reply.code(error.statusCode ?? 400).send({ message: error.message })
    logger.error({ err: error }, 'admission failed')
    return reply.code(500).send({ message: 'admission failed; the log of the controller says why' })
  })
  for (const judge of ['mutate', 'validate'] as const) {
    app.post(`/${judge}`, (request, reply) => respond(parts, judge, request, reply))
  }
  if (bind !== undefined)
    app.post('/bind', (request, reply) => understood(reply, () => parseBindReview(request.body), bind))
  const server = app.server as unknown as Server
  const swap = (): void => {
    const current = certificate.current()
    if (current !== null) server.setSecureContext({ ...current, minVersion: 'TLSv1.2' })
  }
  const unsubscribe = certificate.subscribe(swap)
  swap()
  try {
    await app.listen({ host, port })
  } catch (error) {
    unsubscribe()
    throw error
  }
  const { port: bound, address, family } = server.address() as AddressInfo
  const url = `https://${family === 'IPv6' ? `[${address}]` : address}:${bound}`
  let closing: Promise<void> | undefined
  const close = (deadlineMs: number): Promise<void> =>
    (closing ??= drain(app, state, parts, deadlineMs).finally(unsubscribe))
  return { url, port: bound, close }
}

interface State {
  draining: boolean
}

async function respond(
  { admit, logger }: WebhookServerParts,
  judge: 'mutate' | 'validate',
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const parse = () => parseReview(request.body)
  return understood(reply, parse, async (review) => {
    const { question } = review
    if (question === null) return answer(review, notAsked)
    const verdict = await admit[judge](question, AbortSignal.timeout(answerMs))
    if (verdict.kind === 'refused') {
      const { kind, namespace, user } = question
      logger.info({ kind, namespace, user, problems: verdict.problems }, 'refused an object at admission')
    }
    return answer(review, verdict)
  })
}

/** What is no review is the caller's mistake. */
function understood<T>(reply: FastifyReply, parse: () => T, judge: (review: T) => unknown): unknown {
  let review: T
  try {
    review = parse()
  } catch (error) {
    if (!(error instanceof ZodError)) throw error
    const { path, message } = error.issues[0] ?? { path: [], message: 'is not understood' }
    return reply
      .code(400)
      .send({ message: `not an AdmissionReview of admission.k8s.io/v1: ${path.join('.')}: ${message}` })
  }
  return judge(review)
}

/** Bodies are read by us, bounded, and counted until their request is answered. */
function boundBodies(app: FastifyInstance): void {
  const room = new BodyRoom()
  const shares = new WeakMap<FastifyRequest, BodyShare>()
  app.addHook('onRequest', async (request, reply) => {
    const share = room.share(request.ip)
    shares.set(request, share)
    reply.raw.once('close', () => share.release())
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', (request: FastifyRequest, body: IncomingMessage) =>
    shares.get(request)?.read(body),
  )
}

/** What comes after it on this connection is the rest of that body: it is not read. */
function refuseBody({ statusCode, message }: BodyRefused, reply: FastifyReply): FastifyReply {
  if (statusCode === 503) reply.header('retry-after', '1')
  return reply.code(statusCode).header('connection', 'close').send({ message })
}

function addProbes(app: FastifyInstance, { certificate, unready }: WebhookServerParts, state: State): void {
  app.get('/healthz', (_request, reply) => reply.type('text/plain').send('ok\n'))
  app.get('/readyz', (_request, reply) => {
    const waits = certificate.current() === null ? 'there is no certificate yet' : (unready?.() ?? null)
    const reason = state.draining ? 'shutting down' : waits
    return reply
      .code(reason === null ? 200 : 503)
      .type('text/plain')
      .send(`${reason ?? 'ok'}\n`)
  })
  app.addHook('onSend', async (_request, reply) => {
    // The API server keeps connections for long: its next request goes to another replica.
    if (state.draining) reply.header('connection', 'close')
  })
}

async function drain(
  app: FastifyInstance,
  state: State,
  { clock, lameDuckMs = 0 }: WebhookServerParts,
  deadlineMs: number,
): Promise<void> {
  const end = clock.monotonic() + deadlineMs
  state.draining = true
  if (lameDuckMs > 0) await delay(Math.min(lameDuckMs, deadlineMs))
  // What lies unread on a busy machine is read first: the connection would look idle.
  await turn()
  await turn()
  const cut = setTimeout(() => app.server.closeAllConnections(), Math.max(0, end - clock.monotonic()))
  await app.close()
  clearTimeout(cut)
}
