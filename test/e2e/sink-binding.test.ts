import { beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { envOf, sinkBinding } from '../support/workloads.ts'
import type { StoredObject } from '../../src/kube/client.ts'
import { deployTestApp, testApp, testAppManifest, type TestApp } from './support/app.ts'
import { apply, createNamespace, get, kubectl, list, waitFor, type KubeObject } from './support/kube.ts'
import { installMillrace } from './support/millrace.ts'
import { producer, type ProducerKind } from './support/producer.ts'

type Part = 'binding' | 'sink' | 'subject'

const orders: readonly (readonly Part[])[] = [
  ['binding', 'sink', 'subject'],
  ['binding', 'subject', 'sink'],
  ['sink', 'binding', 'subject'],
  ['sink', 'subject', 'binding'],
  ['subject', 'binding', 'sink'],
  ['subject', 'sink', 'binding'],
]

beforeAll(installMillrace)

/** The tutorial of the second article: a producer that sends JSON to K_SINK, a viewer, and the SinkBinding between them. */
describe.concurrent('producer, viewer and SinkBinding, in whatever order they are applied', () => {
  it.for(orders)('%s, %s, %s', async (order) => {
    await using namespace = await createNamespace('binding')
    const { name } = namespace
    const early = order.indexOf('subject') === 2
    for (const part of order) {
      await applyPart(part, name)
      // What comes next has to change what is settled by now.
      if (part === 'sink') await waitFor('deployment', 'viewer', 'Available', { namespace: name })
      else if (part === 'subject') await waitFor('deployment', 'producer', seen, { namespace: name })
      else
        await waitFor('sinkbinding', 'producer-to-viewer', (object) => object.status !== undefined, { namespace: name })
      if (early && order.indexOf(part) === 1) await sinkIsKnown(name)
    }
    await waitFor('sinkbinding', 'producer-to-viewer', 'Ready', { namespace: name })
    await arrives(testApp(name, 'viewer'), 'producer')

    expect(envOf((await get('deployment', 'producer', name)) as StoredObject | null)).toMatchObject({
      K_SINK: `http://viewer.${name}.svc.cluster.local`,
      K_CE_OVERRIDES: '',
    })
    // One ReplicaSet: the first pod had it. Two: it rolled once.
    const sets = await list('replicasets', name, '-l', 'app=producer')
    expect(sets).toHaveLength(early ? 1 : 2)
  })
})

describe('pods really get the variables and really post', () => {
  const kinds: readonly ProducerKind[] = ['Job', 'CronJob', 'StatefulSet', 'DaemonSet']

  it.for(kinds)('of a %s', async (kind) => {
    await using namespace = await createNamespace('subject')
    const { name } = namespace
    const viewer = await deployTestApp(name, 'viewer')
    const apiVersion = kind.endsWith('Job') ? 'batch/v1' : 'apps/v1'
    await apply([bindingTo('viewer', { apiVersion, kind, selector: { matchLabels: { app: 'producer' } } })], name)
    await sinkIsKnown(name)
    await apply([producer(kind, 'producer')], name)
    await arrives(viewer, 'producer')
    const binding = await waitFor('sinkbinding', 'producer-to-viewer', 'Ready', { namespace: name })
    expect(binding.status).toMatchObject({ subjectCount: 1, subjects: [{ kind, name: 'producer' }] })
    const table = (await kubectl('get', 'sinkbinding', '-n', name)).split('\n')[0]
    expect(table?.split(/\s{2,}|\t/).map((cell) => cell.trim())).toEqual([
      'NAME',
      'SINK',
      'SUBJECTS',
      'AGE',
      'READY',
      'REASON',
    ])
  })
})

describe('a whole cluster', () => {
  it('rolls each of 100 workloads once when the sink changes', { timeout: 300_000 }, async () => {
    await using namespace = await createNamespace('many')
    const { name } = namespace
    const selector = { matchLabels: { tier: 'web' } }
    const subject = { apiVersion: 'apps/v1', kind: 'Deployment', selector }
    await apply([uriBinding(subject, 'http://one.example/')], name)
    await waitFor('sinkbinding', 'producer-to-viewer', 'Ready', { namespace: name })
    // Without pods: it is their templates that count.
    const many = Array.from({ length: 100 }, (_, i) => producer('Deployment', `app-${i}`, { replicas: 0, tier: 'web' }))
    await apply(many, name)
    const all = async () => list('deployments', name, '-l', 'tier=web')
    const revisions = async () =>
      (await all()).map(({ metadata }) => Number(metadata.annotations?.['deployment.kubernetes.io/revision']))
    const haveAll = (uri: string) =>
      eventually(
        `all have ${uri}`,
        async () => {
          const found = await all()
          const bound = found.every((each) => envOf(each as StoredObject)['K_SINK'] === uri)
          // The revision is counted a moment later.
          const counted = found.every(({ metadata, status }) => status?.['observedGeneration'] === metadata.generation)
          return found.length === 100 && bound && counted
        },
        { withinMs: 120_000, everyMs: 1_000 },
      )
    await haveAll('http://one.example/')
    const before = await revisions()
    await apply([uriBinding(subject, 'http://two.example/')], name)
    await haveAll('http://two.example/')
    await waitFor('sinkbinding', 'producer-to-viewer', 'Ready', { namespace: name })
    expect(await revisions()).toEqual(before.map((revision) => revision + 1))
  })

  it('deploys without the webhook; what missed it is repaired, and a Job that did is named', async () => {
    await using namespace = await createNamespace('missed')
    const { name } = namespace
    const viewer = await deployTestApp(name, 'viewer')
    await apply([bindingTo('viewer', { apiVersion: 'apps/v1', kind: 'Deployment', name: 'producer' })], name)
    const jobs = {
      ...bindingTo('viewer', { apiVersion: 'batch/v1', kind: 'Job', name: 'late' }),
      metadata: { name: 'jobs' },
    }
    await apply([jobs], name)
    await sinkIsKnown(name)
    const replicas = (count: number) =>
      kubectl('scale', 'deployment/millrace-controller', '-n', 'knative-eventing', `--replicas=${count}`)
    await replicas(0)
    await eventually(
      'no controller runs',
      async () => (await list('pods', 'knative-eventing', '-l', 'app.kubernetes.io/component=controller')).length === 0,
      { withinMs: 60_000, everyMs: 500 },
    )
    try {
      await apply([producer('Deployment', 'producer'), producer('Job', 'late')], name)
      expect(envOf((await get('deployment', 'producer', name)) as StoredObject | null)['K_SINK']).toBeUndefined()
    } finally {
      await replicas(2)
    }
    await installMillrace()
    await arrives(viewer, 'producer')
    const told = await waitFor(
      'sinkbinding',
      'jobs',
      ({ status }) =>
        status?.conditions?.some(({ type, reason }) => type === 'Ready' && reason === 'JobNotBound') === true,
      { namespace: name },
    )
    expect(JSON.stringify(told.status)).toContain(`Job ${name}/late`)
  })

  it('leaves nothing behind: workloads, SinkBinding, sink and namespace go in one breath', async () => {
    const namespace = await createNamespace('gone')
    const { name } = namespace
    await deployTestApp(name, 'viewer')
    await apply([bindingTo('viewer')], name)
    await apply([producer('Deployment', 'producer')], name)
    await waitFor('sinkbinding', 'producer-to-viewer', 'Ready', { namespace: name })
    await namespace[Symbol.asyncDispose]()
  })
})

function bindingTo(
  service: string,
  subject: object = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'producer' },
): object {
  const sink = { ref: { apiVersion: 'v1', kind: 'Service', name: service } }
  return named(sinkBinding('', 'producer-to-viewer', { subject, sink }))
}

function uriBinding(subject: object, uri: string): object {
  return named(sinkBinding('', 'producer-to-viewer', { subject, sink: { uri } }))
}

/** Without a namespace: that of the command is taken. */
function named(object: object): object {
  return { ...object, metadata: { name: 'producer-to-viewer' } }
}

async function applyPart(part: Part, namespace: string): Promise<void> {
  const manifest = {
    binding: () => [bindingTo('viewer')],
    sink: () => testAppManifest('viewer'),
    subject: () => [producer('Deployment', 'producer')],
  }
  await apply(manifest[part](), namespace)
}

const seen = ({ metadata, status }: KubeObject): boolean => status?.['observedGeneration'] === metadata.generation

/** Resolves when admission knows the address as well: a moment after the status says so. */
async function sinkIsKnown(namespace: string): Promise<void> {
  await waitFor('sinkbinding', 'producer-to-viewer', ({ status }) => status?.['sinkUri'] !== undefined, { namespace })
  await new Promise((resolve) => setTimeout(resolve, 1_000))
}

async function arrives(viewer: TestApp, source: string): Promise<void> {
  const from = `/${source}`
  await eventually(
    'what the producer sends arrives',
    async () => (await viewer.records()).some(({ headers }) => headers['ce-source'] === from),
    { withinMs: 120_000, everyMs: 500 },
  )
}
