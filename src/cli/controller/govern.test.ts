import { expect, test } from 'vitest'
import { systemClock as clock } from '../../core/clock.ts'
import type { KubeClient } from '../../kube/client.ts'
import { MemoryApi } from '../../kube/memory.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { govern } from './govern.ts'

const logger = createLogger('silent')

test('it has ended only when a write to the workers that was under way has, so that the next leader writes alone', async () => {
  const inner = new MemoryApi().client()
  const writing = Promise.withResolvers<void>()
  const arrived = Promise.withResolvers<void>()
  let underWay = 0
  const client: KubeClient = {
    ...inner,
    apply: async (...args) => {
      underWay += 1
      writing.resolve()
      // as one whose answer is on its way when we are told to stop
      await arrived.promise
      underWay -= 1
      return inner.apply(...args)
    },
  }
  const flags = {
    namespace: 'system',
    kubeconfig: '',
    name: 'c',
    host: '127.0.0.1',
    port: 0,
    metricsPort: undefined,
    image: 'millrace:1',
  }
  const identity = 'c'
  const parts = { client, namespace: 'system', identity, names: ['localhost'], clock, logger }
  const stop = new AbortController()
  let ended = false
  const governing = govern(
    { ...parts, flags: { ...flags, clusterDomain: 'cluster.local', adopt: false, workers: true } },
    stop.signal,
  ).then(() => (ended = true))
  await writing.promise
  stop.abort()
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect([ended, underWay > 0]).toEqual([false, true])
  arrived.resolve()
  await governing
  expect(underWay).toBe(0)
})
