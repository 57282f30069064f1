import { expect, test } from 'vitest'
import { kinds } from './kinds.ts'
import { MemoryApi } from './memory.ts'
import { kubeVault } from './position-vault.ts'

const { signal } = new AbortController()

test('what one process of a fleet saves another finds, in its newest version, until it is removed', async () => {
  const api = new MemoryApi()
  const [one, other] = [kubeVault(api.client(), 'system', signal), kubeVault(api.client(), 'system', signal)]
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
  await kubeVault(api.client(), 'system', signal).save('knative-trigger-a', 'first')
  const { items } = await api.client().list(kinds.configMap, { namespace: 'system' }, signal)
  expect(items).toMatchObject([
    {
      metadata: { labels: { 'app.kubernetes.io/name': 'millrace', 'app.kubernetes.io/component': 'positions' } },
      data: { group: 'knative-trigger-a' },
    },
  ])
})

test('while the API server is away nothing is lost silently', async () => {
  const api = new MemoryApi()
  const vault = kubeVault(api.client(), 'system', signal)
  api.away = true
  await expect(vault.load('a')).rejects.toMatchObject({ code: 'ApiUnavailable' })
  await expect(vault.save('a', 'x')).rejects.toMatchObject({ code: 'ApiUnavailable' })
})

test('many who ask at once share a list, and each sees what was saved before it asked', async () => {
  const api = new MemoryApi()
  const client = api.client()
  let lists = 0
  const counting = { ...client, list: (...args: Parameters<typeof client.list>) => (lists++, client.list(...args)) }
  const vault = kubeVault(counting, 'system', signal)
  const early = Array.from({ length: 1_000 }, (_, i) => vault.load(`group-${i}`))
  await kubeVault(client, 'system', signal).save('group-7', 'saved meanwhile')
  const late = vault.load('group-7')
  expect(new Set(await Promise.all(early.slice(8)))).toEqual(new Set([null]))
  expect(await late).toBe('saved meanwhile')
  expect(lists).toBeLessThanOrEqual(3)
})
