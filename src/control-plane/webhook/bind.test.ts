import { describe, expect, it } from 'vitest'
import { Cache } from '../../kube/cache.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { Bindings } from '../sink-binding/bindings.ts'
import { recordAnnotation } from '../sink-binding/record.ts'
import { answerBinding, parseBindReview } from './bind.ts'

const controller = 'system:serviceaccount:knative-eventing:millrace-controller'

/** A SinkBinding of all Deployments of namespace `shop`, as a cache has it. */
function bindingsWith({ metadata = {}, ...more }: { metadata?: object } = {}): Bindings {
  const cache = new Cache({ keep: undefined, logger: createLogger('silent') })
  const store = {
    synced: true,
    resourceVersion: '40',
    get: cache.get.bind(cache),
    all: cache.all.bind(cache),
    subscribe: cache.subscribe.bind(cache),
  }
  const bindings = new Bindings(store)
  const subject = { apiVersion: 'apps/v1', kind: 'Deployment', selector: {} }
  cache.set({
    apiVersion: 'sources.knative.dev/v1',
    kind: 'SinkBinding',
    metadata: { namespace: 'shop', name: 'to-sink', uid: 'u', resourceVersion: '30', ...metadata },
    spec: { subject, sink: { uri: 'http://sink.example/' } },
    ...more,
  })
  return bindings
}

interface Metadata {
  readonly annotations?: Readonly<Record<string, string>>
}

function ask(operation: 'CREATE' | 'UPDATE', metadata: Metadata, env: readonly object[] = [], binding?: object) {
  const object = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: 'shop', name: 'app', ...metadata },
    spec: { template: { spec: { containers: [{ name: 'app', env }] } } },
  }
  const request = {
    ...{ uid: 'r', kind: { group: 'apps', version: 'v1', kind: 'Deployment' }, namespace: 'shop', operation, object },
    ...(operation === 'UPDATE' ? { oldObject: object } : {}),
  }
  const review = parseBindReview({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request })
  const { response } = answerBinding(review, { bindings: bindingsWith(binding), controller }) as {
    response: { allowed: boolean; patch?: string; warnings?: readonly string[] }
  }
  const patch = response.patch === undefined ? '' : Buffer.from(response.patch, 'base64').toString()
  return { ...response, patch }
}

describe('a workload at admission', () => {
  it('that is made from a copy of another cluster, with a record of that one, gets what is meant here', () => {
    const there = { K_SINK: 'http://there/', K_CE_OVERRIDES: '' }
    const was = { app: [{ index: 0, entry: { name: 'K_SINK', value: 'by-hand' } }] }
    const record = JSON.stringify({ 'to-sink': { uid: 'x', at: '999999999', env: there, was } })
    const env = [{ name: 'K_SINK', value: 'http://there/' }, { name: 'K_CE_OVERRIDES' }]
    const { patch } = ask('CREATE', { annotations: { [recordAnnotation]: record } }, env)
    expect(patch).toContain('http://sink.example/')
    expect(patch).toContain('by-hand')
    const gone = ask('CREATE', { annotations: { [recordAnnotation]: record.replace('to-sink', 'gone') } }, env)
    expect(gone.patch).toContain('http://sink.example/')
    expect(gone.patch).not.toContain('gone')
  })

  it('that Knative bound before the leader has seen it: what Knative wrote is no value of the user', () => {
    const metadata = { finalizers: ['sinkbindings.sources.knative.dev'] }
    const env = [{ name: 'K_SINK', value: 'http://sink.example' }, { name: 'K_CE_OVERRIDES' }]
    const now = { metadata, status: { sinkUri: 'http://other.example/' } }
    const { patch, warnings } = ask('UPDATE', {}, env, now)
    expect(patch).toContain('http://other.example/')
    expect(patch).not.toContain('"was')
    expect(warnings).toBeUndefined()
    // Of one that our leader has looked at already it is.
    const later = ask('UPDATE', {}, env, { ...now, status: { ...now.status, subjectCount: 0 } })
    expect(later.warnings).toEqual([expect.stringContaining('K_SINK is set by SinkBinding to-sink')])
  })

  it('whose annotations would grow too large for an API server stays as it is, and whoever applies it hears so', () => {
    const { allowed, patch, warnings } = ask('CREATE', { annotations: { large: 'x'.repeat(240 * 1024) } })
    expect({ allowed, patch }).toEqual({ allowed: true, patch: '' })
    expect(warnings).toEqual([expect.stringMatching(/annotations.*240 KiB/)])
  })
})
