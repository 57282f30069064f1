import { expect, test } from 'vitest'
import { systemClock as clock } from '../../core/clock.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { KafkaAdmins } from './admins.ts'

test('one that is let go is closed, and opened anew when it is asked for again', async () => {
  await using admins = new KafkaAdmins(clock, createLogger('silent'))
  const cluster = { bootstrapServers: '127.0.0.1:1' }
  const first = admins.of(cluster, undefined)
  expect(admins.of(cluster, undefined)).toBe(first)
  admins.letGo(cluster)
  admins.letGo(cluster)
  expect(admins.of(cluster, undefined)).not.toBe(first)
  await expect(first.describeTopics(['t'])).rejects.toMatchObject({ code: 'Closed' })
})
