import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import { createLogger } from '../../telemetry/logger.ts'
import type { KafkaSecurity } from '../security.ts'
import {
  compactString,
  hex,
  int32,
  metadataOf,
  requests,
  scriptedBroker,
  signedIn,
  varint,
} from '../../../test/support/scripted-broker.ts'
import { openConnection, type BrokerConnection } from './broker-connection.ts'
import { Cluster } from './cluster.ts'
import { Connections } from './connections.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A broker that answers as it is told, in place of what is proper. */
async function brokerWith(answers: Readonly<Record<number, Buffer>>) {
  const broker = await scriptedBroker(() => (key) => answers[key])
  closing.push(() => broker.close())
  return broker
}

const security: KafkaSecurity = { sasl: { mechanism: 'PLAIN', username: 'alice', password: 'geheim' } }
const limits = { connectTimeoutMs: 5_000, requestTimeoutMs: 5_000 }

/** What signing in there fails with. */
async function signInFault(answers: Readonly<Record<number, Buffer>>): Promise<Fault> {
  const opened = openConnection('me', await brokerWith(answers), { ...limits, security })
  const fault: unknown = await opened.then(
    (connection) => connection.close(),
    (error: unknown) => error,
  )
  expect(fault).toBeInstanceOf(Fault)
  return fault as Fault
}

const most = 20_000_000
describe('a broker that is none, or means harm', () => {
  it.each<[string, Record<number, Buffer>]>([
    [
      'millions of names, each of less than nothing',
      { [requests.saslHandshake]: Buffer.concat([hex('0000'), int32(most), hex('fffe fffe fffe')]) },
    ],
    [
      'millions of fields that lead back to where they stand',
      { [requests.saslAuthenticate]: Buffer.concat([varint(most), hex('00 fbffffff0f 00')]) },
    ],
    [
      'an answer of two megabytes before anybody has signed in',
      { [requests.apiVersions]: Buffer.alloc(2 * 1024 * 1024) },
    ],
  ])('cannot keep us busy with %s', async (_, answers) => {
    const start = performance.now()
    const fault = await signInFault(answers)
    expect([fault.code, fault.message]).toEqual(['LogUnavailable', expect.stringMatching(/no Kafka broker/)])
    expect(performance.now() - start).toBeLessThan(limits.connectTimeoutMs)
  })

  it('cannot fill a message with what it says, or with the password that it was told', async () => {
    const refused = (why: string) => ({
      [requests.saslAuthenticate]: Buffer.concat([hex('00 003a'), compactString(why), hex('01 0000000000000000 00')]),
    })
    const long = await signInFault(refused(`no\n\u001b[31mway ${'x'.repeat(100_000)}`))
    expect(long.message).toMatch(/does not accept user alice by PLAIN: .*no \[31mway x/)
    expect(long.message.length).toBeLessThan(600)
    const telling = await signInFault(refused('user alice has not the password geheim'))
    expect(telling.message).not.toContain('geheim')
    const names = Buffer.concat([hex('0021'), int32(20_000), ...Array.from({ length: 20_000 }, () => hex('0002 4142'))])
    const offer = await signInFault({ [requests.saslHandshake]: names })
    expect(offer.message).toMatch(/does not offer SASL PLAIN: it offers AB, AB/)
    expect(offer.message.length).toBeLessThan(600)
  })

  it('cannot keep us signing in by sessions that end at once', async () => {
    const broker = await brokerWith({ [requests.saslAuthenticate]: signedIn(1) })
    const source = { current: () => security, subscribe: () => () => {} }
    const connections = new Connections({ clientId: 'me', security: source, logger: createLogger('silent') })
    closing.push(() => connections.close())
    const keep = (connection: BrokerConnection): void => {
      closing.push(() => connection.close())
      connection.heir = keep
    }
    const begun = performance.now()
    keep(await connections.open(broker, limits))
    await expect.poll(() => broker.sockets.length).toBeGreaterThan(1)
    await new Promise((resolve) => setTimeout(resolve, 500))
    // one renewal a second
    expect(broker.sockets.length).toBeLessThanOrEqual(1 + (performance.now() - begun) / 1000)
  })

  it('cannot make a topic of two billion partitions by the number of one', async () => {
    const metadata = metadataOf(9092, 'orders', 0x7ffffffe)
    const other = await brokerWith({ [requests.metadata]: metadata })
    const options = { bootstrapServers: `127.0.0.1:${other.port}`, clock: systemClock, logger: createLogger('silent') }
    const cluster = new Cluster({ ...options, clientId: 'me' })
    closing.push(() => cluster.close())
    expect((await cluster.topic('orders'))?.partitions).toEqual([{ nodeId: -1, epoch: -1 }])
  })
})
