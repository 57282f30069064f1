import type { Socket } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import {
  compactString,
  hex,
  metadataOf,
  requests,
  scriptedBroker,
  signedIn,
} from '../../../../test/support/scripted-broker.ts'
import { systemClock } from '../../../core/clock.ts'
import { createLogger } from '../../../telemetry/logger.ts'
import type { KafkaSecurity } from '../../security.ts'
import { Cluster } from '../cluster.ts'
import { createAppender } from './append.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const describeConfigs = 32
const stored = Buffer.concat([
  hex('00 02'),
  compactString('orders'),
  hex('02 00000000 0000 0000000000000005 ffffffffffffffff 0000000000000000 01 00 00 00 00000000 00'),
])
const record = { topic: 'orders', key: null, value: Buffer.from('x'), headers: [] }

it('when the credential changes twice while a batch is unanswered, the next batch goes by the newest all the same', async () => {
  const users = new Map<Socket, string>()
  const carried: (string | undefined)[] = []
  const gate = Promise.withResolvers<void>()
  const broker = await scriptedBroker((port) => (key, bytes, socket) => {
    if (key === requests.metadata) return metadataOf(port, 'orders', 0)
    if (key === describeConfigs) return hex('00 00000000 01 00')
    if (key === requests.saslAuthenticate) {
      users.set(socket, /first|second|third/.exec(bytes.toString('latin1'))?.[0] ?? '')
      return signedIn(0)
    }
    if (key !== requests.produce) return undefined
    carried.push(users.get(socket))
    return gate.promise.then(() => stored)
  })
  closing.push(() => broker.close())
  const as = (username: string): KafkaSecurity => ({ sasl: { mechanism: 'PLAIN', username, password: 'geheim' } })
  let now = as('first')
  const listeners = new Set<() => void>()
  const subscribe = (listener: () => void) => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }
  const common = { clientId: 'me', clock: systemClock, logger: createLogger('silent') }
  const security = { current: () => now, subscribe }
  const cluster = new Cluster({ ...common, security, bootstrapServers: `${broker.host}:${broker.port}` })
  const appender = createAppender(cluster, common)
  closing.push(
    () => cluster.close(),
    () => appender.close(1_000),
  )
  const change = async (username: string): Promise<void> => {
    now = as(username)
    for (const listener of listeners) listener()
    await expect.poll(() => [...users.values()]).toContain(username)
  }
  const first = appender.append(record)
  await expect.poll(() => carried).toEqual(['first'])
  await change('second')
  // both connections are renewed: that for questions, and that for batches, which waits for the answer
  await expect.poll(() => [...users.values()].filter((user) => user === 'second').length).toBe(2)
  await change('third')
  gate.resolve()
  await first
  await appender.append(record)
  expect(carried).toEqual(['first', 'third'])
})
