import { createTopicsV7, metadataV12 } from '@platformatic/kafka'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { Cluster } from '../../src/kafka/platformatic/cluster.ts'
import { BrokerLinks } from '../../src/kafka/platformatic/read/broker-links.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { eventually } from '../support/eventually.ts'
import { kafkaBootstrap, uniqueGroup, uniqueTopic } from '../support/kafka.ts'
import { untilServed } from '../support/topics.ts'

const closing: Cluster[] = []
afterEach(async () => {
  for (const cluster of closing.splice(0)) await cluster.close()
})

function open(bootstrapServers = kafkaBootstrap(), clock = systemClock): Cluster {
  const common = { clientId: 'cluster-suite', clock, logger: createLogger('silent') }
  const cluster = new Cluster({ ...common, bootstrapServers })
  closing.push(cluster)
  return cluster
}

async function makeTopic(cluster: Cluster, partitions: number, name = uniqueTopic()): Promise<string> {
  const topic = { name, numPartitions: partitions, replicationFactor: 1, assignments: [], configs: [] }
  await cluster.request('creating', (connection) => createTopicsV7.api.async(connection, [topic], 5_000, false))
  // through connections of its own: what this one knows is what is tested
  await untilServed(kafkaBootstrap(), [name])
  return name
}

describe('what a process knows about a Kafka cluster', () => {
  it('topics with their leaders, from the first server that answers', async () => {
    const cluster = open(`127.0.0.1:1,${kafkaBootstrap()}`)
    const name = await makeTopic(cluster, 3)
    const [one, many] = await Promise.all([cluster.topic(name), cluster.topics([name, 'missing'])])
    expect(one).toMatchObject({ name, id: expect.stringMatching(/^[0-9a-f-]{36}$/) })
    expect(one?.partitions).toHaveLength(3)
    expect([...many.keys()]).toEqual([name])
    for (const leader of one?.partitions ?? []) expect(cluster.hasBroker(leader.nodeId)).toBe(true)
    expect(cluster.cached(name)).toBe(await cluster.topic(name))
  })

  it('that a topic is missing, for a second; and that it is there now, at a refresh', async () => {
    let time = 0
    const cluster = open(kafkaBootstrap(), { ...systemClock, monotonic: () => time })
    const [name, other] = [uniqueTopic(), uniqueTopic()]
    expect([await cluster.topic(name), await cluster.topic(other)]).toEqual([null, null])
    for (const missing of [name, other]) await makeTopic(cluster, 1, missing)
    time = 900
    expect([await cluster.topic(name), await cluster.topic(other)]).toEqual([null, null])
    expect(await cluster.topic(name, { refresh: true })).toMatchObject({ name })
    time = 1_100
    expect(await cluster.topic(other)).toMatchObject({ name: other })
  })

  it('a newer leader that somebody learned of, but not an older one, until it is asked anew', async () => {
    const cluster = open()
    const name = await makeTopic(cluster, 2)
    const first = await cluster.topic(name)
    const epoch = first?.partitions[1]?.epoch ?? 0
    cluster.learnLeader(name, 1, { nodeId: 7, epoch: epoch + 1 })
    cluster.learnLeader(name, 1, { nodeId: 8, epoch })
    expect(cluster.cached(name)?.partitions[1]).toEqual({ nodeId: 7, epoch: epoch + 1 })
    expect(cluster.cached(name)?.partitions[0]).toEqual(first?.partitions[0])
    cluster.markStale(name)
    expect((await cluster.topic(name))?.partitions[1]?.nodeId).toBe(7) // the cluster's own word is older than what we learned
  })

  it('the coordinators of many groups', async () => {
    const cluster = open()
    const groups = Array.from({ length: 50 }, uniqueGroup)
    const found = await eventually('coordinators are known', async () => {
      const coordinators = await cluster.coordinators(groups).catch(() => null)
      return coordinators?.size === groups.length && coordinators
    })
    for (const nodeId of found.values()) expect(cluster.hasBroker(nodeId)).toBe(true)
  })

  it('how to connect to a broker, and that there is no such broker', async () => {
    const cluster = open()
    const name = await makeTopic(cluster, 1)
    const connection = await cluster.connect((await cluster.topic(name))?.partitions[0]?.nodeId ?? -1)
    await expect(metadataV12.api.async(connection, [], false)).resolves.toMatchObject({ topics: [] })
    await connection.close()
    await expect(cluster.connect(4_711)).rejects.toMatchObject({ code: 'LogUnavailable' })
  })
})

it('who finds a connection broken does not break the one that others have opened since', async () => {
  const cluster = open()
  const [nodeId = -1] = await cluster.brokers()
  const links = new BrokerLinks(cluster)
  const broken = Promise.withResolvers<never>()
  const asked = links.ask(nodeId, () => broken.promise).catch((error: unknown) => error)
  const first = await links.to(nodeId)
  await first.close()
  await eventually('it is forgotten', async () => (await links.to(nodeId)) !== first)
  const next = await links.to(nodeId)
  const lost = new Error('lost')
  broken.reject(lost)
  expect(await asked).toBe(lost)
  expect(await links.to(nodeId)).toBe(next)
  expect(next.isConnected()).toBe(true)
  links.close()
})
