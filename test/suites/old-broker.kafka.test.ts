import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { openKafkaLog } from '../../src/kafka/kafka-log.ts'
import type { Log } from '../../src/kafka/log.ts'
import { createAppender } from '../../src/kafka/platformatic/append/append.ts'
import { openConnection, type BrokerConnection } from '../../src/kafka/platformatic/broker-connection.ts'
import { Cluster } from '../../src/kafka/platformatic/cluster.ts'
import { createReader } from '../../src/kafka/platformatic/read/reader.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { eventually } from '../support/eventually.ts'
import { kafkaBootstrap } from '../support/kafka.ts'
import { OldBrokers, type Offer } from '../support/old-broker.ts'
import { faultOf, makeTopic, record } from './log/subject.ts'

const common = { clientId: 'old-broker-suite', clock: systemClock, logger: createLogger('silent') }
const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** What Kafka 3.4 knows of what we ask; its Fetch (1) and ListOffsets (2) are too old for us. */
const kafka34: Offer = Object.entries({
  0: 9,
  1: 13,
  2: 7,
  3: 12,
  8: 8,
  9: 8,
  10: 4,
  11: 9,
  12: 4,
  13: 5,
  14: 5,
  15: 5,
  16: 4,
  22: 4,
  32: 4,
}).map(([key, max]) => ({ key: Number(key), min: 0, max }))

function open(bootstrapServers: string): Log {
  const log = openKafkaLog({ ...common, bootstrapServers })
  closing.push(() => log.close())
  return log
}

/** A Kafka whose leaders and coordinators are of another age than the broker that is asked for them, as in an upgrade gone wrong. */
class HalfOld extends Cluster {
  /** null: all are of one age again. */
  old: { host: string; port: number } | null
  constructor(old: { host: string; port: number }) {
    super({ ...common, bootstrapServers: kafkaBootstrap() })
    this.old = old
  }
  override connect(nodeId: number, options?: { requestTimeoutMs?: number }): Promise<BrokerConnection> {
    if (this.old === null) return super.connect(nodeId, options)
    return openConnection(common.clientId, this.old, { connectTimeoutMs: 2_000, requestTimeoutMs: 2_000 })
  }
}

const needed = { code: 'LogRefused', message: expect.stringContaining('Millrace needs Kafka 3.5 or newer') as string }

describe('a Kafka that is too old', () => {
  it.each([
    ['3.4', kafka34],
    ['2.3', null],
  ])('%s is refused at once by all who ask it, and it is said which one is needed', async (_, offer) => {
    await using brokers = new OldBrokers()
    const { host, port } = await brokers.listen(offer)
    const log = open(`${host}:${port}`)
    const [appender, reader, positions] = [log.appender(), log.reader(), log.positions()]
    const at = { topic: 'any', partition: 0 }
    const start = performance.now()
    const faults = await Promise.all([
      faultOf(appender.append(record('any'))),
      faultOf(reader.read(at, 0n, 1_000)),
      faultOf(reader.range([at])),
      faultOf(positions.fetch(new Map([['any', [at]]]))),
      faultOf(positions.commit('any', [{ ...at, offset: 1n, leaderEpoch: -1, metadata: '' }])),
    ])
    // whoever waits for one that is better does so for five seconds
    expect(performance.now() - start).toBeLessThan(4_900)
    for (const fault of faults) expect(fault).toMatchObject(needed)
    expect(faults[0]?.details).toEqual({ sent: 0 })
    await Promise.all([appender.close(0), reader.close(), positions.close()])
  })

  it('refuses only those whose broker it is, and is asked again after its upgrade', async () => {
    await using brokers = new OldBrokers()
    const topic = await makeTopic(open(kafkaBootstrap()))
    const cluster = new HalfOld(await brokers.listen(kafka34))
    const [appender, reader] = [createAppender(cluster, common), createReader(cluster, common)]
    closing.push(
      () => cluster.close(),
      () => reader.close(),
      () => appender.close(0),
    )
    expect(await faultOf(appender.append(record(topic)))).toMatchObject(needed)
    const told: (Error | null)[] = []
    const tail = reader.tail({ batch: () => true, moved: () => {}, state: (_, fault) => void told.push(fault) })
    tail.add({ topic, partition: 0 }, 0n)
    await eventually('the tail is told', () => told.length > 0)
    expect(told).toEqual([expect.objectContaining(needed)])

    cluster.old = null
    await expect(appender.append(record(topic))).resolves.toMatchObject({ topic, offset: 0n })
    await eventually('the tail reads again', () => told.at(-1) === null)
  })
})
