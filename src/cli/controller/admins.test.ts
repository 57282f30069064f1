import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock as clock } from '../../core/clock.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { KafkaAdmins } from './admins.ts'

test('a Kafka that takes connections and answers nothing does not hold up the end', async () => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => void sockets.add(socket))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const admins = new KafkaAdmins(clock, createLogger('silent'))
  const admin = admins.of(`127.0.0.1:${(server.address() as AddressInfo).port}`)
  void admin.describeTopics(['t']).catch(() => undefined)
  await expect.poll(() => sockets.size).toBeGreaterThan(0)
  const begin = performance.now()
  await admins[Symbol.asyncDispose]()
  expect(performance.now() - begin).toBeLessThan(3_500)
})
