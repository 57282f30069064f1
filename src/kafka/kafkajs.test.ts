import { expect, test } from 'vitest'
import { systemClock as clock } from '../core/clock.ts'
import { Fault } from '../core/fault.ts'
import { createLogger } from '../telemetry/logger.ts'
import { createChanges } from './kafkajs.ts'

/** Administration of a Kafka that answers who signs in with these, one after the other. */
function changesAt(...answers: Fault[]) {
  const signIn = async (): Promise<void> => {
    throw answers.shift() ?? new Error('nobody asks so often')
  }
  return createChanges({
    ...{ bootstrapServers: '127.0.0.1:1', clientId: 'test', clock, logger: createLogger('silent') },
    security: { current: () => ({}), subscribe: () => () => undefined },
    isSeen: () => Promise.resolve(false),
    signIn,
  })
}

test('a user who was refused is asked for again with the next call: what is wrong may be mended in Kafka', async () => {
  const refused = new Fault('AuthenticationFailed', 'no such user')
  const locked = new Fault('NotAuthorized', 'not from there')
  const changes = changesAt(refused, locked)
  await expect(changes.deleteGroup('g')).rejects.toBe(refused)
  await expect(changes.deleteGroup('g')).rejects.toBe(locked)
  await changes.close()
})

test('a Kafka that did not answer in time is asked again within the same call', async () => {
  const slow = new Fault('LogUnavailable', 'it did not answer to signing in in time')
  const refused = new Fault('AuthenticationFailed', 'no such user')
  const changes = changesAt(slow, slow, refused)
  await expect(changes.deleteTopic('t', AbortSignal.timeout(20_000))).rejects.toBe(refused)
  await changes.close()
})
