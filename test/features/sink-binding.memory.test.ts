import { describe, expect, test } from 'vitest'
import type { KubeClient } from '../../src/kube/client.ts'
import { broker, clientWith, ControlPlaneRig, unique } from '../support/control-plane-rig.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { memoryApi } from '../support/memory-api.ts'
import { sinkBinding, workload } from '../support/workloads.ts'
import { sinkBindingPromises } from './sink-binding-promises.ts'

describe('SinkBindings in memory', () => sinkBindingPromises(memoryApi, false))

const subjectKinds = ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job', 'CronJob']

describe('a controller of a cluster without SinkBindings', () => {
  test('looks once through the metadata of workloads, page by page, and follows none, until one is bound', async () => {
    const api = await memoryApi()
    const rig = await ControlPlaneRig.start(api)
    await using _ = rig
    const ns = unique('shop')
    await rig.createNamespace(ns)
    for (const kind of subjectKinds) await rig.apply(workload(kind as 'Job', ns))
    const listed: { kind: string; metadataOnly: boolean | undefined; limit: number | undefined }[] = []
    const watched: string[] = []
    const list: KubeClient['list'] = (resource, options, signal) => {
      const { metadataOnly, limit } = options
      if (subjectKinds.includes(resource.kind)) listed.push({ kind: resource.kind, metadataOnly, limit })
      return rig.client.list(resource, options, signal)
    }
    const watch: KubeClient['watch'] = (resource, ...rest) => {
      if (subjectKinds.includes(resource.kind)) watched.push(resource.kind)
      return rig.client.watch(resource, ...rest)
    }
    rig.startPlane({ through: clientWith(rig.client, { list, watch }) })
    await eventually('it is idle', () => rig.plane?.idle)
    await eventuallyPasses('all were looked through', () =>
      expect(new Set(listed.map(({ kind }) => kind))).toEqual(new Set(subjectKinds)),
    )
    expect(listed).toEqual(listed.map(({ kind }) => ({ kind, metadataOnly: true, limit: 500 })))
    expect(listed).toHaveLength(subjectKinds.length)
    expect(watched).toEqual([])
    await rig.apply(broker(ns))
    await rig.apply(sinkBinding(ns))
    await eventually('Deployments are followed', () => watched.length > 0)
    expect(new Set(watched)).toEqual(new Set(['Deployment']))
  })
})
