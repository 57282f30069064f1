import { afterEach, expect, test } from 'vitest'
import { systemClock as clock } from '../core/clock.ts'
import { Fault } from '../core/fault.ts'
import { createLogger } from '../telemetry/logger.ts'
import type { KubeClient } from './client.ts'
import { credentialSecrets } from './credential-secrets.ts'
import { kinds } from './kinds.ts'
import { MemoryApi } from './memory.ts'

const namespace = 'millrace-credentials'
const logger = createLogger('silent')
const ended: AbortController[] = []
afterEach(() => ended.splice(0).forEach((each) => each.abort()))

function rig(client: KubeClient) {
  const end = new AbortController()
  ended.push(end)
  const changed: string[] = []
  const secrets = credentialSecrets({ client, clock, logger, signal: end.signal })
  secrets.subscribe((name) => changed.push(name))
  return { secrets, changed }
}

const secret = (name: string, data: object, where = namespace) => ({
  ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: where }, data },
})

test('Secrets of the one namespace are read, followed, and missed by name', async () => {
  const admin = new MemoryApi()
  const client = admin.client()
  const { signal } = new AbortController()
  const { secrets, changed } = rig(admin.client())
  const data = { 'credential.json': Buffer.from('{"a":"ä"}').toString('base64') }
  await expect
    .poll(() => secrets.read('a'))
    .toMatchObject({ missing: expect.stringContaining('does not exist') as string })
  await client.create(kinds.secret, secret('a', data), signal)
  await client.create(kinds.secret, secret('b', data, 'elsewhere'), signal)
  await client.create(kinds.secret, secret('c', { other: '' }), signal)
  await expect.poll(() => changed).toEqual(['a', 'c'])
  expect(secrets.read('a')).toEqual({ text: '{"a":"ä"}' })
  expect(secrets.read('b')).toHaveProperty('missing')
  expect(secrets.read('c')).toEqual({ missing: 'Secret millrace-credentials/c has no credential.json in its data' })
  await client.delete(kinds.secret, { namespace, name: 'a' }, signal)
  await expect.poll(() => changed).toEqual(['a', 'c', 'a'])
  expect(secrets.read('a')).toHaveProperty('missing')
})

test('a right that is missing is said to who asks', async () => {
  const client = new MemoryApi().client()
  const list = () => Promise.reject(new Fault('ApiForbidden', 'secrets is forbidden'))
  const { secrets } = rig({ ...client, list })
  await expect
    .poll(() => secrets.read('a'))
    .toMatchObject({ missing: expect.stringMatching(/lacks the Role.*secrets is forbidden/) as string })
})
