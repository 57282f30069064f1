import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { eventually } from '../../../test/support/eventually.ts'
import { outletOn } from '../../../test/support/millrace.ts'
import type { OutletStanding, StandingAnswer } from '../../contract/lineage.ts'
import { MemoryRoutes } from '../../contract/memory-routes.ts'
import { systemClock as clock } from '../../core/clock.ts'
import { openEmbeddedLog } from '../../kafka/embedded/embedded.ts'
import { openKafkaLog } from '../../kafka/kafka-log.ts'
import type { Log } from '../../kafka/log.ts'
import { Journal } from '../../telemetry/journal/journal.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { sharedKafka } from '../dev/lineage.ts'
import { ingressFlags } from '../worker-flags.ts'
import { LineageAnswers, type LineageAnswersParts } from './answers.ts'
import { Territory } from './territory.ts'
import { WorkerLineage } from './worker-lineage.ts'

/** Whoever asks, however he does it, costs little, and keeps no other from being answered. */

const logger = createLogger('silent')
const outlet = outletOn('topic', 'http://subscriber/')
const main = { bootstrapServers: 'main:9092' }
let dir: string
let log: Log
let journal: Journal
let server: Server
const responses: ServerResponse[] = []

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'askers-'))
  const retention = { bytes: 1024 ** 3, ms: 3_600_000 }
  log = await openEmbeddedLog({ dir: join(dir, 'log'), fsync: 'off', retention, clock, logger })
  await log.admin().ensureTopic({ name: 'topic', partitions: 1, replicationFactor: 1, config: {} })
  journal = new Journal({ folder: join(dir, 'lineage'), bounds: { bytes: 1024 ** 2, ageMs: 3_600_000 }, clock, logger })
})
afterEach(async () => {
  responses.length = 0
  server.closeAllConnections()
  server.close()
  await journal.close(1_000)
  await log.close()
  rmSync(dir, { recursive: true, force: true })
})

async function serve(more: Partial<LineageAnswersParts>): Promise<string> {
  const routes = new MemoryRoutes()
  routes.outlets.set(outlet)
  const answers = new LineageAnswers({
    ...{ worker: 'w', role: 'dispatcher', lineage: new WorkerLineage(journal, clock), access: { kind: 'loopback' } },
    ...{ territory: new Territory({ outlets: routes.outlets, main }), standings: () => [], clock, logger },
    open: () => sharedKafka(log, log.admin()),
    ...more,
  })
  server = createServer((request, response) => {
    responses.push(response)
    void answers.answer(request, response, new URL(`http://host${request.url}`))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const standing = '/lineage/standing?topic=topic&partition=0&offset=7'
const ask = async (url: string, signal?: AbortSignal): Promise<IncomingMessage> => {
  const request = get(url, { agent: false, ...(signal === undefined ? {} : { signal }) })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return response.on('error', () => undefined)
}

it('ten thousand Outlets of one topic are told whole, and no faster than they are read', async () => {
  const outlets = Array.from({ length: 10_000 }, (_, n): OutletStanding => {
    return { outlet: { ...outlet, uid: `uid-${n}`, group: 'g'.repeat(900) }, standing: { kind: 'starting' } }
  })
  const url = await serve({ standings: () => outlets })
  const slow = await ask(url + standing)
  // one who does not read holds up nobody, and next to nothing
  const whole = await text(await ask(url + standing))
  const { remembersFrom, ...told } = JSON.parse(whole) as StandingAnswer
  expect(JSON.stringify(told)).toBe(JSON.stringify({ worker: 'w', outlets }))
  expect(remembersFrom).toBeGreaterThan(0)
  expect(responses).toHaveLength(2)
  expect(responses[0]?.writableEnded).toBe(false)
  expect(responses[0]?.writableLength).toBeLessThan(1024 ** 2)
  expect((await text(slow)).length).toBe(whole.length)
})

it('who went away while Kafka is searched for another one leaves his place to others', async () => {
  // more than one read
  const value = Buffer.alloc(700_000)
  const appender = log.appender()
  for (let n = 0; n < 3; n++) {
    await appender.append({ topic: 'topic', partition: 0, key: null, value, headers: [['ce_id', Buffer.from('1')]] })
  }
  await appender.close(1_000)
  let searches = 0
  const open: LineageAnswersParts['open'] = () => {
    searches++
    return sharedKafka(log, log.admin())
  }
  // each search takes a quarter of an hour
  const url = await serve({ open, bounds: { rate: 1_000 } })
  const search = `${url}/lineage/find?topic=topic&id=1&since=0`
  const [first, gone] = [new AbortController(), new AbortController()]
  const running = await ask(search, first.signal)
  const statuses: unknown[] = []
  const many = Array.from({ length: 7 }, async () => statuses.push((await ask(search, gone.signal)).statusCode))
  await eventually('four wait', () => statuses.join() === '503,503,503')
  gone.abort()
  await Promise.allSettled(many)
  await eventually('all but one are known to be gone', () => responses.filter(({ closed }) => !closed).length === 1)
  const next = ask(search)
  await eventually('it has come', () => responses.length === 9)
  first.abort()
  running.resume()
  const response = await next
  const [line] = (await once(response, 'data')) as [Buffer]
  expect([response.statusCode, String(line)]).toEqual([200, expect.stringContaining('"kind":"progress"')])
  expect(searches).toBe(2)
})

it('while Kafka is away a search ends with who asked for it, and the next one begins', async () => {
  const away = createTcpServer().listen(0, '127.0.0.1')
  await once(away, 'listening')
  const bootstrapServers = `127.0.0.1:${(away.address() as AddressInfo).port}`
  let [searches, closed] = [0, 0]
  // the topic is known, and then nobody answers any more
  const open: LineageAnswersParts['open'] = () => {
    searches++
    const kafka = openKafkaLog({ bootstrapServers, clientId: 'test', clock, logger })
    const reader = kafka.reader()
    const close = async (): Promise<void> => {
      await reader.close()
      await kafka.close()
      closed++
    }
    return { reader, admin: log.admin(), close }
  }
  const url = await serve({ open })
  // it gives up after more than ten seconds
  const soon = { withinMs: 5_000 }
  for (const path of ['/lineage/find?topic=topic&id=1&since=0', '/lineage/find?topic=topic&partition=0&offset=0']) {
    for (const before of [searches, searches + 1, searches + 2]) {
      const gone = new AbortController()
      void ask(url + path, gone.signal).catch(() => undefined)
      await eventually('it is searched for', () => searches === before + 1, soon)
      gone.abort()
    }
    await eventually('all are over', () => closed === searches, soon)
  }
  away.close()
})

it('nobody is answered by a worker in a pod that was not told of a token, not even on its own machine', async () => {
  const raw = { kubernetes: true, port: 0, lineage: join(dir, 'lineage'), host: '127.0.0.1' }
  const { lineage } = ingressFlags(raw, { MILLRACE_LOG: 'silent', POD_NAME: 'ingress-1', POD_NAMESPACE: 'system' })
  expect(lineage?.access.kind).toBe('closed')
  const url = await serve(lineage === undefined ? {} : { access: lineage.access })
  for (const path of ['/lineage?id=1', standing, '/lineage/find?topic=topic&partition=0&offset=0', '/lineage/x']) {
    const answer = await fetch(url + path, { headers: { 'x-millrace-token': '' } })
    expect(`${answer.status} ${await answer.text()}`).toBe(
      '403 a worker in a pod tells lineage to nobody without --lineage-token-file\n',
    )
  }
})
