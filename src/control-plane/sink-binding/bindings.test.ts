import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Cache } from '../../kube/cache.ts'
import type { StoredObject } from '../../kube/client.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { Bindings, binds } from './bindings.ts'

const names = ['a', 'b', 'constructor']
const kinds = [
  { group: 'apps', kind: 'Deployment' },
  { group: 'batch', kind: 'Job' },
]

/** Bindings over a cache, and what the cache holds. */
function followed() {
  const cache = new Cache({ keep: undefined, logger: createLogger('silent') })
  const bindings = new Bindings({
    synced: true,
    resourceVersion: '50',
    get: (key) => cache.get(key),
    all: () => cache.all(),
    subscribe: (listener) => cache.subscribe(listener),
  })
  return { cache, bindings }
}

const name = fc.constantFrom(...names)
const namespace = fc.constantFrom('shop', 'bank')
const subject = fc
  .record({ kind: fc.constantFrom(...kinds), name: fc.option(name, { nil: undefined }), label: fc.boolean() })
  .map(({ kind: { group, kind }, name, label }) => ({
    apiVersion: `${group}/v1`,
    kind,
    ...(name === undefined ? { selector: label ? { matchLabels: { tier: 'web' } } : {} } : { name }),
  }))
const change = fc.record({ name, namespace, subject: fc.option(subject, { nil: null }), gone: fc.boolean() })

describe('which SinkBindings bind a workload', () => {
  it('is found as if all were looked at, whatever came, changed and went before', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
        const { cache, bindings } = followed()
        changes.forEach(({ name, namespace, subject, gone }, i) => {
          const object = {
            apiVersion: 'sources.knative.dev/v1',
            kind: 'SinkBinding',
            metadata: { name, namespace, uid: `${namespace}/${name}`, resourceVersion: String(i + 1) },
            spec: { ...(subject === null ? {} : { subject }), sink: { uri: 'http://sink.example/' } },
          }
          if (gone) cache.remove(object)
          else cache.set(object)
        })
        const all = [...cache.all()]
        const nameOf = ({ metadata }: StoredObject): string => metadata.name
        for (const namespace of ['shop', 'bank'])
          for (const kind of kinds)
            for (const metadata of names.map((name) => ({ name, labels: { tier: 'web' } }))) {
              const there = all.filter((each) => each.metadata.namespace === namespace && binds(each, kind, metadata))
              const found = bindings.of(kind, namespace, metadata)
              expect(found.map(nameOf).toSorted()).toEqual(there.map(nameOf).toSorted())
              // Who wants the same workload hears of each other.
              for (const one of found) expect(bindings.rivalsOf(one)).toEqual(expect.arrayContaining([...found]))
            }
      }),
    )
  })

  it('of one that has no name yet is found by its labels', () => {
    const { cache, bindings } = followed()
    const spec = { sink: { uri: 'http://sink.example/' } }
    const all = [
      { apiVersion: 'apps/v1', kind: 'Deployment', selector: {} },
      { apiVersion: 'apps/v1', kind: 'Deployment', name: 'a' },
    ]
    all.forEach((subject, i) =>
      cache.set({
        apiVersion: 'sources.knative.dev/v1',
        kind: 'SinkBinding',
        metadata: { name: `b${i}`, namespace: 'shop', uid: String(i), resourceVersion: '1' },
        spec: { ...spec, subject },
      }),
    )
    expect(bindings.of(kinds[0]!, 'shop', {}).map(({ metadata }) => metadata.name)).toEqual(['b0'])
  })
})
