import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { toRecord } from '../../src/data-plane/wire/record.ts'
import type { Appender } from '../../src/kafka/log.ts'
import { eventually } from '../support/eventually.ts'
import { kafkaBootstrap, uniqueGroup, uniqueTopic } from '../support/kafka.ts'
import { outletOn, RoutesFile, startDispatcher } from '../support/millrace.ts'
import { createTopic, kafkaLog } from '../support/topics.ts'

const holders = 300
const eventBytes = 30_000
/** From one held event to the next, so that each came in another answer of Kafka: 1 MB. */
const between = 34
const warmUp = 6_000
/** Seen: 60 when each holds its own bytes (what was not collected yet differs), 290 when each keeps the answer alive that it came in. */
const growthMib = 130
const patience = { withinMs: 120_000 }

test(
  `${holders} Outlets each hold an event that is not answered while 300 MB pass by: the memory of the dispatcher stays where it was`,
  { timeout: 300_000 },
  async () => {
    const kafka = kafkaBootstrap()
    const topic = await createTopic(kafka, { name: uniqueTopic(), partitions: 1 })
    await using log = kafkaLog(kafka)
    const appender = log.appender()
    await using subscriber = await startSubscriber()
    const { url } = subscriber
    const delivery = { retry: 0, backoffPolicy: 'linear', backoffDelayMs: 10, timeoutMs: 600_000 } as const
    const held = Array.from({ length: holders }, (_, n) =>
      outletOn(topic, `${url}/hold`, { delivery, filter: { attributes: { holder: String(n) } } }),
    )
    const routes = new RoutesFile({ outlets: [...held, outletOn(topic, `${url}/pass`)] })
    await using dispatcher = startDispatcher(routes, kafka, 'only', uniqueGroup())
    await eventually(
      'all consume',
      () => dispatcher.lines.filter((line) => line.includes('"consuming"')).length > holders,
      patience,
    )

    const passed = async (count: number): Promise<void> => {
      const all = () => subscriber.passed === count || null
      await eventually(`${count} events passed`, all, patience)
    }
    await send(appender, topic, warmUp, () => undefined)
    await passed(warmUp)
    const before = dispatcher.rssMib()
    const count = holders * between
    await send(appender, topic, count, (n) => (n % between === 0 ? n / between : undefined))
    await passed(warmUp + count)
    await eventually('each holds its own', () => subscriber.holding === holders)
    expect(dispatcher.rssMib() - before).toBeLessThan(growthMib)
    await dispatcher.stop()
    await appender.close(5_000)
    const admin = log.admin()
    await admin.deleteTopic(topic)
    await admin.close()
  },
)

/** @param holder who shall hold the n-th event. */
async function send(
  appender: Appender,
  topic: string,
  count: number,
  holder: (n: number) => number | undefined,
): Promise<void> {
  const data = Buffer.alloc(eventBytes, 'x')
  const sent: Promise<unknown>[] = []
  for (let n = 0; n < count; n++) {
    const attributes = new Map([
      ['specversion', '1.0'],
      ['id', String(n)],
      ['source', '/test'],
      ['type', 'com.example.test'],
      ['holder', String(holder(n) ?? 'nobody')],
    ])
    // what is held is small, and came in a large answer
    const body = holder(n) === undefined ? data : data.subarray(0, 1000)
    sent.push(appender.append({ ...toRecord({ attributes, data: body }, topic), partition: 0 }))
    if (sent.length === 200) await Promise.all(sent.splice(0))
  }
  await Promise.all(sent)
}

/** Takes what comes to /pass, and never answers what comes to /hold. */
async function startSubscriber(): Promise<AsyncDisposable & { url: string; passed: number; holding: number }> {
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => {
      if (request.url === '/hold') subscriber.holding++
      else {
        subscriber.passed++
        response.writeHead(200, { 'content-length': 0 }).end()
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const subscriber = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passed: 0,
    holding: 0,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return subscriber
}
