import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import type { KubeClient } from './client.ts'
import { kinds } from './kinds.ts'
import { MemoryApi } from './memory.ts'
import { kubeVaults } from './position-vault.ts'

const { signal } = new AbortController()
const vaultOf = (client: KubeClient, kafka = 'kafka:9092') => kubeVaults(client, 'system', signal)(kafka)

test('what one process of a fleet saves another finds, in its newest version, until it is removed', async () => {
  const api = new MemoryApi()
  const [one, other] = [vaultOf(api.client()), vaultOf(api.client())]
  expect(await other.load('knative-trigger-a')).toBeNull()
  await one.save('knative-trigger-a', 'first')
  await one.save('knative-trigger-a', 'second')
  await one.save('Any_Name of/a group, ÄÖ' + 'x'.repeat(300), 'third')
  expect(await other.load('knative-trigger-a')).toBe('second')
  expect(await other.load('Any_Name of/a group, ÄÖ' + 'x'.repeat(300))).toBe('third')
  await other.remove('knative-trigger-a')
  await other.remove('knative-trigger-a')
  expect(await one.load('knative-trigger-a')).toBeNull()
})

test('an operator sees whose positions these are', async () => {
  const api = new MemoryApi()
  await vaultOf(api.client()).save('knative-trigger-a', 'first')
  const { items } = await api.client().list(kinds.configMap, { namespace: 'system' }, signal)
  expect(items).toMatchObject([
    {
      metadata: { labels: { 'app.kubernetes.io/name': 'millrace', 'app.kubernetes.io/component': 'positions' } },
      data: { group: 'knative-trigger-a', kafka: 'kafka:9092' },
    },
  ])
})

test('while the API server is away nothing is lost silently', async () => {
  const api = new MemoryApi()
  const vault = vaultOf(api.client())
  api.away = true
  await expect(vault.load('a')).rejects.toMatchObject({ code: 'ApiUnavailable' })
  await expect(vault.save('a', 'x')).rejects.toMatchObject({ code: 'ApiUnavailable' })
})

test('many who ask at once share a list, and each sees what was saved before it asked', async () => {
  const api = new MemoryApi()
  const client = api.client()
  let lists = 0
  const counting = { ...client, list: (...args: Parameters<typeof client.list>) => (lists++, client.list(...args)) }
  const vault = vaultOf(counting)
  const early = Array.from({ length: 1_000 }, (_, i) => vault.load(`group-${i}`))
  await vaultOf(client).save('group-7', 'saved meanwhile')
  const late = vault.load('group-7')
  expect(new Set(await Promise.all(early.slice(8)))).toEqual(new Set([null]))
  expect(await late).toBe('saved meanwhile')
  expect(lists).toBeLessThanOrEqual(3)
})

test('two Kafkas may have groups of one name', async () => {
  const api = new MemoryApi()
  const [here, there] = [vaultOf(api.client()), vaultOf(api.client(), 'elsewhere:9092')]
  await here.save('group', 'of here')
  expect(await there.load('group')).toBeNull()
  await there.save('group', 'of there')
  await there.remove('group')
  expect(await here.load('group')).toBe('of here')
})

test('what an earlier version saved is found and removed', async () => {
  const api = new MemoryApi()
  const hash = createHash('sha256').update('group').digest('hex').slice(0, 40)
  const labels = { 'app.kubernetes.io/name': 'millrace', 'app.kubernetes.io/component': 'positions' }
  const metadata = { namespace: 'system', name: `millrace-positions-${hash}`, labels }
  const data = { group: 'group', positions: 'of before' }
  await api.client().create(kinds.configMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }, signal)
  const vault = vaultOf(api.client())
  expect(await vault.load('group')).toBe('of before')
  await vault.remove('group')
  expect(await vault.load('group')).toBeNull()
})
