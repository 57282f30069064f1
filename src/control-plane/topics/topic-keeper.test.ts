import { afterEach, expect, test } from 'vitest'
import { systemClock as clock } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import type { LogAdmin } from '../../kafka/log.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { TopicKeeper } from './topic-keeper.ts'

let stop = new AbortController()
afterEach(() => {
  stop.abort()
  stop = new AbortController()
})

test.each([
  ['topic t: Kafka did not answer in time.', 'topic t: Kafka did not answer in time. See why'],
  ['topic t has no leaders yet.', 'topic t has no leaders yet. See why'],
  ['connection refused', 'topic t: connection refused. See why'],
])('a topic that cannot be made, %j, is named once', async (said, told) => {
  const admin: Partial<LogAdmin> = {
    describeTopics: async () => [],
    ensureTopic: () => Promise.reject(new Fault('LogUnavailable', said)),
  }
  const { promise: changed, resolve } = Promise.withResolvers<unknown>()
  const keeper = new TopicKeeper({
    ...{ admin: admin as LogAdmin, bootstrapServers: 'k:9092', clock, logger: createLogger('silent') },
    ...{ signal: stop.signal, changed: resolve },
  })
  const spec = { name: 't', partitions: 1, replicationFactor: 1, config: {} }
  keeper.want('owner', { spec, external: false }, false)
  await changed
  expect(keeper.state('t')).toMatchObject({ message: expect.stringMatching(new RegExp(`^${told}`)) })
})
