import { describe, expect, it } from 'vitest'
import { kinds } from '../../src/kube/kinds.ts'
import { MemoryApi } from '../../src/kube/memory.ts'
import { codeOf, configMap, signal } from './kube/subject.ts'
import { kubeSuite, widgets } from './kube.suite.ts'

kubeSuite('an API server in memory', () => {
  const api = new MemoryApi({ installed: [...Object.values(kinds), widgets] })
  const client = api.client()
  return Promise.resolve({
    client,
    another: () => api.client(),
    tooOldVersion: async () => {
      const { resourceVersion } = await client.list(widgets, {}, signal)
      await client.create(kinds.configMap, configMap({ namespace: 'default', name: 'newer' }), signal)
      api.compact()
      return resourceVersion
    },
    close: () => Promise.resolve(client.close()),
  })
})

describe('troubles of an API server in memory', () => {
  it('cannot page on from what is forgotten', async () => {
    const api = new MemoryApi()
    const client = api.client()
    for (const name of ['a', 'b', 'c']) {
      await client.create(kinds.configMap, configMap({ namespace: 'default', name }), signal)
    }
    const page = await client.list(kinds.configMap, { limit: 1 }, signal)
    const next = { limit: 1, continue: page.continue ?? '' }
    expect((await client.list(kinds.configMap, next, signal)).items).toHaveLength(1)
    await client.delete(kinds.configMap, { namespace: 'default', name: 'c' }, signal)
    api.compact()
    expect(await codeOf(client.list(kinds.configMap, next, signal))).toBe('ApiGone')
  })

  it('answers nobody while it is away, and breaks watches', async () => {
    const api = new MemoryApi()
    const client = api.client()
    const watch = client.watch(kinds.configMap, { resourceVersion: '1' }, () => {}, signal)
    const ended = codeOf(watch)
    expect(await client.get(kinds.configMap, { namespace: 'default', name: 'a' }, signal)).toBeNull()
    api.away = true
    expect(await ended).toBe('ApiUnavailable')
    expect(await codeOf(client.list(kinds.configMap, {}, signal))).toBe('ApiUnavailable')
    api.away = false
    expect((await client.list(kinds.configMap, {}, signal)).items).toEqual([])
  })

  it('serves a kind from when it is installed until it is not', async () => {
    const api = new MemoryApi({ installed: [] })
    const client = api.client()
    expect(await codeOf(client.list(widgets, {}, signal))).toBe('ApiNotFound')
    api.install(widgets)
    expect((await client.list(widgets, {}, signal)).items).toEqual([])
    const watch = client.watch(widgets, { resourceVersion: '1' }, () => {}, signal)
    await client.list(widgets, {}, signal)
    api.uninstall(widgets)
    await watch
    expect(await codeOf(client.list(widgets, {}, signal))).toBe('ApiNotFound')
  })
})
