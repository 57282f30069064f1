import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import { connect } from 'node:tls'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { systemClock as clock } from '../../core/clock.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { admission, type Admission } from './admission.ts'
import { brokerDefaults } from './admit/broker-defaults.ts'
import type { CertificateSource } from './certificates.ts'
import { issue, type Issued, type ServingCertificate } from './issue.ts'
import { startWebhookServer, type WebhookServer } from './server.ts'

const logger = createLogger('silent')
const judges = admission({
  defaults: async () => brokerDefaults(undefined),
  brokerClass: async () => null,
  newGroup: () => 'a',
})

/** A certificate that a test sets. */
class Settable implements CertificateSource {
  #certificate: ServingCertificate | null = null
  #listeners = new Set<() => void>()
  current = () => this.#certificate
  subscribe = (listener: () => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
  set(certificate: ServingCertificate): void {
    this.#certificate = certificate
    for (const listener of this.#listeners) listener()
  }
}

let one: Issued
let two: Issued
let certificate: Settable
let server: WebhookServer
let ready: string | null

beforeAll(async () => {
  one = await issue(['127.0.0.1'], clock)
  two = await issue(['127.0.0.1'], clock)
})
const start = async (admit: Admission = judges, lameDuckMs = 0): Promise<void> => {
  const parts = { host: '127.0.0.1', port: 0, certificate, admit, clock, logger, lameDuckMs, unready: () => ready }
  server = await startWebhookServer(parts)
}
beforeEach(() => {
  certificate = new Settable()
  certificate.set(one.serving)
  ready = null
})
afterEach(() => server.close(1_000))

type Body = string & { message?: string; response: { status: { message: string }; patch: string } }

interface Answer {
  status: number | undefined
  body: Body
}

async function ask(path: string, body?: unknown, agent: Agent | false = false): Promise<Answer> {
  const payload = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST'
    const headers = { 'content-type': 'application/json' }
    const request = httpsRequest(server.url + path, { method, headers, ca: [one.ca, two.ca], agent }, resolve)
    request.on('error', reject)
    request.end(body === undefined ? undefined : payload)
  })
  const answer = await text(response)
  const json = String(response.headers['content-type']).includes('json')
  return { status: response.statusCode, body: (json ? JSON.parse(answer) : answer) as Body }
}

const trigger = (spec: object, metadata: object = {}): object => ({
  apiVersion: 'eventing.knative.dev/v1',
  kind: 'Trigger',
  metadata: { name: 'orders', namespace: 'shop', ...metadata },
  spec,
})
const good = trigger({ broker: 'default', subscriber: { uri: 'http://a' } })
const bad = trigger({ broker: 'default' })
const review = (object: object, more: object = {}): object => ({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    uid: 'u1',
    kind: { group: 'eventing.knative.dev', version: 'v1', kind: 'Trigger' },
    resource: { group: 'eventing.knative.dev', version: 'v1', resource: 'triggers' },
    name: 'orders',
    namespace: 'shop',
    operation: 'CREATE',
    userInfo: { username: 'jo' },
    object,
    oldObject: null,
    dryRun: false,
    options: {},
    ...more,
  },
})

describe('a review', () => {
  beforeEach(() => start())

  test('is answered with a patch by /mutate', async () => {
    const { status, body } = await ask('/mutate', review(good))
    expect(status).toBe(200)
    expect(body).toMatchObject({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' })
    expect(body.response).toMatchObject({ uid: 'u1', allowed: true, patchType: 'JSONPatch' })
    const patch = JSON.parse(Buffer.from(body.response.patch, 'base64').toString())
    expect(patch).toContainEqual({
      op: 'add',
      path: '/metadata/finalizers',
      value: ['kafka.triggers.eventing.knative.dev/millrace'],
    })
  })

  test('is answered by /validate with what is wrong', async () => {
    expect((await ask('/validate', review(good))).body.response).toEqual({ uid: 'u1', allowed: true })
    const { response } = (await ask('/validate', review(bad))).body
    expect(response).toMatchObject({ allowed: false, status: { code: 422, reason: 'Invalid' } })
    expect(response.status.message).toMatch(/^Trigger shop\/orders: spec\.subscriber: is missing/)
  })

  test('with several mistakes has a line for each', async () => {
    const { response } = (await ask('/validate', review(trigger({ broker: 'default', delivery: { retry: -1 } })))).body
    expect(response.status.message).toMatch(/^Trigger shop\/orders: 2 fields are wrong:\n {2}- spec\..*\n {2}- spec\./)
  })

  test.each([
    ['of an object that is being deleted', { object: trigger({}, { deletionTimestamp: '2026-01-01T00:00:00Z' }) }],
    ['of its status', { subResource: 'status' }],
    ['of a deletion', { operation: 'DELETE', object: null }],
    ['of a kind that is not ours', { kind: { group: 'apps', version: 'v1', kind: 'Deployment' } }],
    ['of our kind in another group', { kind: { group: 'example.com', version: 'v1', kind: 'Trigger' } }],
  ])('%s is let through as it is', async (_, more) => {
    for (const path of ['/mutate', '/validate']) {
      const { status, body } = await ask(path, review(bad, more))
      expect(status).toBe(200)
      expect(body.response).toEqual({ uid: 'u1', allowed: true })
    }
  })

  test.each([
    ['no JSON', '{'],
    ['no review', { kind: 'AdmissionReview' }],
    ['of an old version', { ...review(good), apiVersion: 'admission.k8s.io/v1beta1' }],
    ['with a list for an object', review([] as object)],
    ['empty', ''],
  ])('that is none (%s) is refused with 400', async (_, body) => {
    const answer = await ask('/mutate', body)
    expect(answer.status).toBe(400)
    expect(answer.body.message).not.toBe('')
  })

  test('beyond 8 MiB is refused with 413', async () => {
    const answer = await ask('/mutate', review(trigger({ text: 'x'.repeat(8 * 1024 * 1024) }))).catch(() => ({
      status: 413,
    }))
    expect(answer.status).toBe(413)
    expect((await ask('/validate', review(good))).status).toBe(200)
  })
})

test('too many bytes at a time are refused with 503, and later taken again', async () => {
  const held = Promise.withResolvers<void>()
  await start({
    ...judges,
    mutate: async () => {
      await held.promise
      return { kind: 'allowed', warnings: [] }
    },
  })
  const large = review(trigger({ text: 'x'.repeat(7 * 1024 * 1024) }))
  const answers = Array.from({ length: 8 }, () =>
    ask('/mutate', large).then(
      ({ status }) => status,
      () => 503,
    ),
  )
  const refused = await Promise.race([Promise.any(answers), new Promise((resolve) => setTimeout(resolve, 60_000))])
  expect(refused).toBe(503)
  held.resolve()
  expect(new Set(await Promise.all(answers))).toEqual(new Set([200, 503]))
  expect((await ask('/mutate', large)).status).toBe(200)
})

test('who announces bodies and sends nothing takes no room, and is cut soon', async () => {
  await start()
  const began = clock.monotonic()
  const cut = Array.from({ length: 6 }, () => {
    const socket = connect({ host: '127.0.0.1', port: server.port, ca: [one.ca] })
    const head =
      'POST /validate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 8388608\r\n\r\n{'
    socket.once('secureConnect', () => socket.write(head))
    socket.on('error', () => undefined).resume()
    return once(socket, 'close').then(() => clock.monotonic() - began)
  })
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect((await ask('/validate', review(good))).status).toBe(200)
  expect(Math.max(...(await Promise.all(cut)))).toBeLessThan(20_000)
})

test('a failure of ours is 500, and does not tell the inside of it', async () => {
  await start({
    ...judges,
    mutate: async () => {
      throw new Error('secret')
    },
  })
  const { status, body } = await ask('/mutate', review(good))
  expect(status).toBe(500)
  expect(JSON.stringify(body)).not.toContain('secret')
})

describe('probes', () => {
  test('healthy from the start, ready when the caller says so', async () => {
    await start()
    ready = 'Brokers are not loaded yet'
    expect(await ask('/healthz')).toMatchObject({ status: 200 })
    expect(await ask('/readyz')).toEqual({ status: 503, body: 'Brokers are not loaded yet\n' })
    ready = null
    expect((await ask('/readyz')).status).toBe(200)
  })
})

describe('the certificate', () => {
  const served = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: server.port, ca: [one.ca, two.ca] }, () => {
        resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '')
        socket.destroy()
      })
      socket.on('error', reject)
    })
  const printOf = ({ serving }: Issued): string => new X509Certificate(serving.cert).fingerprint256

  test('is swapped without a restart; connections that are open stay', async () => {
    await start()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    await ask('/readyz', undefined, agent)
    expect(await served()).toBe(printOf(one))
    certificate.set(two.serving)
    expect(await served()).toBe(printOf(two))
    expect((await ask('/readyz', undefined, agent)).status).toBe(200)
    agent.destroy()
  })

  test('may come after the start; until then nobody is served', async () => {
    certificate = new Settable()
    await start()
    await expect(served()).rejects.toThrow()
    certificate.set(one.serving)
    expect(await served()).toBe(printOf(one))
  })
})

test('on closing it says so first, answers what is under way, and then takes no more', async () => {
  const held = Promise.withResolvers<void>()
  await start(
    { ...judges, mutate: async (request, signal) => (await held.promise, judges.mutate(request, signal)) },
    3_000,
  )
  const underWay = ask('/mutate', review(good))
  await ask('/healthz')
  const closed = server.close(60_000)
  expect(await ask('/readyz')).toEqual({ status: 503, body: 'shutting down\n' })
  expect((await ask('/validate', review(good))).status).toBe(200)
  held.resolve()
  expect((await underWay).status).toBe(200)
  await closed
  await expect(ask('/healthz')).rejects.toThrow('ECONNREFUSED')
})

test('a review that does not end is cut at the deadline', async () => {
  await start({ ...judges, mutate: () => new Promise(() => undefined) })
  const stuck = ask('/mutate', review(good)).then(
    () => 'answered',
    () => 'cut',
  )
  await ask('/healthz')
  await server.close(100)
  expect(await stuck).toBe('cut')
})
