import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { credentialKey } from '../../contract/credential.ts'
import { Fault } from '../../core/fault.ts'
import type { KubeClient, ObjectName, StoredObject } from '../../kube/client.ts'
import { startInformer } from '../../kube/informer.ts'
import { kinds } from '../../kube/kinds.ts'
import { MemoryApi } from '../../kube/memory.ts'
import { createLogger } from '../../telemetry/logger.ts'
import {
  allowedNamespacesAnnotation,
  type CredentialOwner,
  type CredentialRequest,
  type CredentialVerdict,
} from './credentials.ts'
import { KeptCredentials } from './kept-credentials.ts'

const clock = { now: () => Date.now(), monotonic: () => Date.now() }
const logger = createLogger('silent')
const servers = 'k:1'
const request: CredentialRequest = { kind: 'secret', namespace: 'shop', name: 's' }
const owner = (uid: string, more: Partial<CredentialOwner> = {}): CredentialOwner => {
  return { kind: 'Broker', namespace: 'shop', name: uid, uid, revision: '1', ...more }
}

let stop: AbortController
let client: KubeClient
let gets: string[]
let writes: string[]
let changed: string[]
let named: string[] | null
let refuse: Fault | null

beforeEach(() => {
  vi.useFakeTimers()
  ;[stop, gets, writes, changed, named, refuse] = [new AbortController(), [], [], [], [], null]
  client = new MemoryApi({ clock }).client()
})
afterEach(() => {
  stop.abort()
  vi.useRealTimers()
})

/** Counts what is asked and written. */
function counting(): KubeClient {
  return new Proxy(client, {
    get: (target, name: keyof KubeClient) => {
      const method = target[name] as (...args: unknown[]) => unknown
      return (...args: unknown[]) => {
        const key = args[1] as ObjectName
        if (name === 'get') gets.push(`${key.namespace}/${key.name}`)
        if (name === 'get' && refuse !== null) return Promise.reject(refuse)
        if (name === 'apply' || name === 'delete') writes.push(name)
        return method.apply(target, args)
      }
    },
  })
}

async function start(): Promise<KeptCredentials> {
  const parts = { client: counting(), clock, logger, signal: stop.signal }
  const store = startInformer({ ...parts, resource: kinds.secret, selection: { namespace: 'kept' } })
  const told = ({ name }: CredentialOwner): void => void changed.push(name)
  const credentials = new KeptCredentials({
    ...{ ...parts, system: 'system', namespace: 'kept', store, changed: told, named: () => named },
  })
  await vi.advanceTimersByTimeAsync(1)
  await store.ready()
  return credentials
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')
async function put(values: Record<string, string>, more: { annotations?: Record<string, string> } = {}): Promise<void> {
  const data = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, base64(value)]))
  const metadata = { namespace: 'shop', name: 's', ...more }
  await client.delete(kinds.secret, metadata, stop.signal)
  await client.create(kinds.secret, { apiVersion: 'v1', kind: 'Secret', metadata, data }, stop.signal)
}
const good = (password = 'p4ss') => ({ protocol: 'SASL_SSL', user: 'ann', password })

async function kept(): Promise<StoredObject[]> {
  return [...(await client.list(kinds.secret, { namespace: 'kept' }, stop.signal)).items]
}
async function keptValue(): Promise<unknown> {
  const data = (await kept())[0]?.['data'] as Record<string, string>
  return JSON.parse(Buffer.from(data[credentialKey] ?? '', 'base64').toString())
}
const want = (credentials: KeptCredentials, who = owner('a'), what = request): Promise<CredentialVerdict> =>
  credentials.want(who, servers, what, stop.signal)
const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)

describe('a Secret', () => {
  test('goes to the workers under a name that stays', async () => {
    await put(good())
    const credentials = await start()
    const verdict = await want(credentials)
    expect(verdict).toMatchObject({ kind: 'ready', name: expect.stringMatching(/^kafka-[0-9a-f]{32}$/) as string })
    expect(await keptValue()).toEqual({ sasl: { mechanism: 'PLAIN', username: 'ann', password: 'p4ss' }, tls: {} })
    await put(good('new'))
    expect(await want(credentials, owner('a', { revision: '2' }))).toEqual(verdict)
    await pass(67_000)
    expect(await keptValue()).toMatchObject({ sasl: { password: 'new' } })
    expect(await kept()).toHaveLength(1)
    expect(changed).toEqual([])
    // Another Kafka is not told the same.
    expect(await credentials.want(owner('b'), 'other:1', request, stop.signal)).not.toEqual(verdict)
  })

  test('that a thousand name is read once a minute, and written once', async () => {
    await put(good())
    const credentials = await start()
    await Promise.all(Array.from({ length: 1_000 }, (_, i) => want(credentials, owner(`${i}`))))
    expect([gets.length, writes.length]).toEqual([1, 1])
    await pass(300_000)
    for (let i = 0; i < 1_000; i++) await want(credentials, owner(`${i}`))
    expect(gets.length).toBeGreaterThanOrEqual(5)
    expect(gets.length).toBeLessThanOrEqual(6)
    expect(writes.length).toBe(1)
  })

  test.each(['..', '.', '../../other/secrets/s', 's/status', 's?watch=1', 'S'])(
    'that no Secret can be called %s is known without a question to the API server, which may see a path in it',
    async (name) => {
      const credentials = await start()
      const user = { secretKeyRef: { name, key: 'k' } }
      const net = { sasl: { enable: true, user, password: user } }
      const asked: CredentialRequest = { kind: 'net', namespace: 'shop', net }
      const verdict = await credentials.want(owner('a'), servers, asked, stop.signal)
      expect(verdict).toMatchObject({ kind: 'faulty', reason: 'SecretNotFound' })
      await pass(120_000)
      expect(gets).toEqual([])
    },
  )

  test('that nobody names is not read, and not any more when nobody does', async () => {
    const credentials = await start()
    await pass(120_000)
    expect(gets).toEqual([])
    await put(good())
    await want(credentials)
    credentials.forget('a')
    gets.length = 0
    await pass(300_000)
    expect(gets).toEqual([])
  })

  test('that comes late brings up whoever waits, within seconds and then within a minute', async () => {
    const credentials = await start()
    expect(await want(credentials)).toMatchObject({
      kind: 'faulty',
      reason: 'SecretNotFound',
      message: expect.stringContaining('shop/s') as string,
    })
    await put(good())
    await pass(2_500)
    expect(changed).toEqual(['a'])
    expect(await want(credentials)).toMatchObject({ kind: 'ready' })
    await client.delete(kinds.secret, { namespace: 'shop', name: 's' }, stop.signal)
    await pass(67_000)
    expect(await want(credentials)).toMatchObject({
      kind: 'faulty',
      reason: 'SecretNotFound',
      lastGood: expect.any(String) as string,
    })
    await pass(600_000)
    gets.length = 0
    await pass(600_000)
    expect(gets.length).toBeLessThanOrEqual(10)
  })

  test('is read at once when its owner changes', async () => {
    const credentials = await start()
    await want(credentials)
    await put(good())
    expect(await want(credentials)).toMatchObject({ kind: 'faulty' })
    expect(await want(credentials, owner('a', { revision: '2' }))).toMatchObject({ kind: 'ready' })
  })

  test('that breaks leaves what was good, and each owner hears of it', async () => {
    await put(good())
    const credentials = await start()
    const ready = await want(credentials)
    await want(credentials, owner('b'))
    await put({ protocol: 'SASL_SSL', user: 'ann' })
    await pass(67_000)
    expect(changed.toSorted()).toEqual(['a', 'b'])
    const verdict = await want(credentials)
    expect(verdict).toMatchObject({
      kind: 'faulty',
      reason: 'SecretKeyMissing',
      lastGood: (ready as { name: string }).name,
    })
    expect(await keptValue()).toMatchObject({ sasl: { password: 'p4ss' } })
    expect(writes).toEqual(['apply'])
  })

  test('what was good is known to the next controller too', async () => {
    await put(good())
    const ready = await want(await start())
    stop.abort()
    stop = new AbortController()
    await put({ protocol: 'SASL_SSL' })
    expect(await want(await start())).toMatchObject({ kind: 'faulty', lastGood: (ready as { name: string }).name })
  })

  test('is looked at when Kafka refuses it', async () => {
    await put(good())
    const credentials = await start()
    const { name } = (await want(credentials)) as { name: string }
    await put(good('new'))
    credentials.doubt(name)
    credentials.doubt(name)
    await pass(2_100)
    expect(await keptValue()).toMatchObject({ sasl: { password: 'new' } })
    await pass(300_000)
    expect(gets.length).toBeLessThan(16)
  })

  test('PLAINTEXT is nothing to sign in with', async () => {
    await put({ protocol: 'PLAINTEXT' })
    expect(await want(await start())).toEqual({ kind: 'none' })
    expect(writes).toEqual([])
  })

  test('that may not be read says what to do', async () => {
    refuse = new Fault('ApiForbidden', 'secrets "s" is forbidden')
    expect(await want(await start())).toMatchObject({ kind: 'faulty', reason: 'SecretForbidden' })
  })

  test('an API server that does not answer changes nothing that is known', async () => {
    await put(good())
    const credentials = await start()
    const ready = await want(credentials)
    refuse = new Fault('ApiUnavailable', 'away')
    await pass(300_000)
    expect(await want(credentials, owner('a', { revision: '2' }))).toEqual(ready)
    await expect(
      credentials.want(owner('c'), servers, { ...request, name: 'unknown' }, stop.signal),
    ).rejects.toMatchObject({
      code: 'ApiUnavailable',
    })
    refuse = null
    await put(good('new'))
    await pass(67_000)
    expect(await keptValue()).toMatchObject({ sasl: { password: 'new' } })
  })
})

describe('a Secret of another namespace', () => {
  const stranger = owner('x', { namespace: 'billing' })

  test('must allow it', async () => {
    await put(good())
    const credentials = await start()
    expect(await want(credentials)).toMatchObject({ kind: 'ready' })
    const refused = await want(credentials, stranger)
    expect(refused).toMatchObject({ kind: 'faulty', reason: 'SecretForbidden' })
    expect((refused as { message: string }).message).toContain(`${allowedNamespacesAnnotation}=billing`)
    expect(refused).not.toHaveProperty('lastGood')
    await put(good(), { annotations: { [allowedNamespacesAnnotation]: 'a, billing' } })
    await pass(67_000)
    expect(changed).toEqual(['x'])
    expect(await want(credentials, stranger)).toMatchObject({ kind: 'ready' })
  })

  test('of the system is for all', async () => {
    const credentials = await start()
    const all: CredentialRequest = { kind: 'secret', namespace: 'system', name: 's' }
    expect(await want(credentials, stranger, all)).toMatchObject({ reason: 'SecretNotFound' })
  })
})

describe('what the workers read', () => {
  test('comes back when someone takes it away or changes it', async () => {
    await put(good())
    const credentials = await start()
    await want(credentials)
    await client.delete(kinds.secret, { namespace: 'kept', name: (await kept())[0]!.metadata.name }, stop.signal)
    await pass(100)
    expect(await keptValue()).toMatchObject({ sasl: { password: 'p4ss' } })
    const { namespace = '', name } = (await kept())[0]!.metadata
    const body = { data: { [credentialKey]: base64('{}') } }
    await client.patch(kinds.secret, { namespace, name }, { kind: 'merge', body }, stop.signal)
    await pass(100)
    expect(await keptValue()).toMatchObject({ sasl: { password: 'p4ss' } })
  })

  test('goes a while after nobody names it, and not before', async () => {
    await put(good())
    const credentials = await start()
    const { name } = (await want(credentials)) as { name: string }
    named = [name]
    credentials.forget('a')
    await pass(300_000)
    expect(await kept()).toHaveLength(1)
    named = null
    await pass(300_000)
    expect(await kept()).toHaveLength(1)
    named = []
    await pass(40_000)
    expect(await kept()).toHaveLength(1)
    await pass(60_000)
    expect(await kept()).toHaveLength(0)
    expect(await want(credentials)).toMatchObject({ kind: 'ready', name })
    expect(await kept()).toHaveLength(1)
  })

  test('of others stays', async () => {
    const metadata = { namespace: 'kept', name: 'theirs' }
    await client.create(kinds.secret, { apiVersion: 'v1', kind: 'Secret', metadata }, stop.signal)
    await start()
    await pass(300_000)
    expect(await kept()).toHaveLength(1)
  })

  test('is told to connections, when it comes and when it changes, and to its own servers alone', async () => {
    const credentials = await start()
    const verdict = await want(credentials)
    expect(verdict.kind).toBe('faulty')
    await put(good())
    await pass(1_100)
    const { name } = (await want(credentials, owner('a', { revision: '2' }))) as { name: string }
    const cluster = { bootstrapServers: servers, credential: name }
    expect(credentials.source({ bootstrapServers: servers })).toBeUndefined()
    const source = credentials.source(cluster)!
    let told = 0
    const end = source.subscribe(() => (told += 1))
    expect(source.current()).toMatchObject({ sasl: { password: 'p4ss' } })
    await put(good('new'))
    await pass(67_000)
    expect(source.current()).toMatchObject({ sasl: { password: 'new' } })
    expect(told).toBeGreaterThan(0)
    end()
    const evil = { bootstrapServers: 'evil:1', credential: name }
    expect([credentials.has(cluster), credentials.has(evil)]).toEqual([true, false])
    expect(() => credentials.source(evil)!.current()).toThrow(/is not for evil:1/)
    expect(() => credentials.source({ ...cluster, credential: 'kafka-0' })!.current()).toThrow(/is not there/)
  })
})
