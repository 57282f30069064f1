import { expect, onTestFinished, test } from 'vitest'
import { Fault } from '../core/fault.ts'
import { createLogger } from '../telemetry/logger.ts'
import type { KubeClient } from './client.ts'
import { startInformer } from './informer.ts'
import { kinds } from './kinds.ts'
import { MemoryApi } from './memory.ts'

test('a watch on which nothing comes is opened again, is no fault, and costs no list', async () => {
  const api = new MemoryApi().client()
  const ended = new AbortController()
  onTestFinished(() => ended.abort())
  let now = 0
  let lists = 0
  let watches = 0
  const watched = Promise.withResolvers<void>()
  const client = new Proxy(api, {
    get: (target, name) => {
      if (name === 'list') lists += 1
      if (name !== 'watch') return (target[name as keyof KubeClient] as () => unknown).bind(target)
      return async (...args: Parameters<KubeClient['watch']>) => {
        now += 90_000
        watches += 1
        if (watches < 12) throw new Fault('ApiUnavailable', 'nothing for 90 s', { details: { silentMs: 90_000 } })
        watched.resolve()
        return api.watch(...args)
      }
    },
  })
  const clock = { now: () => now, monotonic: () => now }
  const informer = startInformer({
    ...{ client, resource: kinds.service, clock, logger: createLogger('silent'), signal: ended.signal },
  })
  await watched.promise
  expect(informer.fault).toBeUndefined()
  expect(lists).toBe(1)
})
