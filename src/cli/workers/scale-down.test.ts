import { expect, test } from 'vitest'
import { kinds } from '../../kube/kinds.ts'
import { MemoryApi } from '../../kube/memory.ts'
import { leavesForGood } from './scale-down.ts'

const { signal } = new AbortController()

async function withReplicas(replicas: number | undefined): Promise<MemoryApi> {
  const api = new MemoryApi()
  const metadata = { namespace: 'system', name: 'millrace-dispatcher' }
  const spec = replicas === undefined ? {} : { replicas }
  await api.client().create(kinds.statefulSet, { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata, spec }, signal)
  return api
}

test.each([
  [2, 'millrace-dispatcher-0', false],
  [2, 'millrace-dispatcher-1', false],
  [2, 'millrace-dispatcher-2', true],
  [0, 'millrace-dispatcher-0', true],
  [undefined, 'millrace-dispatcher-0', false],
  [undefined, 'millrace-dispatcher-1', true],
  [2, 'of-another-set-0', true],
  [2, 'no-ordinal', false],
])('%s replicas, pod %s: leaves for good: %s', async (replicas, pod, leaves) => {
  expect(await leavesForGood((await withReplicas(replicas)).client(), 'system', pod)).toBe(leaves)
})

test('when nobody can tell it comes back', async () => {
  const api = await withReplicas(1)
  api.away = true
  expect(await leavesForGood(api.client(), 'system', 'millrace-dispatcher-1')).toBe(false)
})
