import { describe, expect, it } from 'vitest'
import type { StoredObject } from '../../kube/client.ts'
import { keepWorkload } from './workload.ts'

const replicaSets = { group: 'apps', kind: 'ReplicaSet' }
const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'app', uid: 'd' }

function stored(controller: boolean): StoredObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      ...{ name: 'app-1', namespace: 'shop', uid: 'u', resourceVersion: '1', labels: { app: 'app' } },
      annotations: { 'sources.millrace.dev/bound': '{}', other: 'x' },
      ownerReferences: [{ ...owner, controller }],
    },
    spec: { replicas: 3, template: { spec: { containers: [{ name: 'app', image: 'app:1', env: [] }] } } },
  }
}

describe('what is kept of a workload', () => {
  it('is what decides whether something is to be written', () => {
    const { metadata, ...rest } = keepWorkload(replicaSets)(stored(false))
    expect(rest).toEqual({
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      spec: { template: { spec: { containers: [{ name: 'app', env: [] }] } } },
    })
    expect(metadata.annotations).toEqual({ 'sources.millrace.dev/bound': '{}' })
  })

  it('that a controller made is who made it', () => {
    const kept = keepWorkload(replicaSets)(stored(true))
    expect(kept).toMatchObject({ metadata: { labels: { app: 'app' }, ownerReferences: [{ name: 'app' }] } })
    expect(kept).not.toHaveProperty('spec')
    expect(kept.metadata).not.toHaveProperty('annotations')
  })
})
