import { statSync } from 'node:fs'
import { basename } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { upgradeTrigger } from '../../src/api/old-versions.ts'
import type { ApiAccess } from '../support/api-server.ts'
import { apiRequest } from '../support/api-request.ts'
import { sharedApiServer } from '../support/api.ts'
import { crdFileArgs, crdFiles, installCrds } from '../support/crds.ts'
import { eventually } from '../support/eventually.ts'
import { uniqueName } from '../support/kafka.ts'
import { kubectl } from '../support/kubectl.ts'
import { outletObject } from '../support/outlet-object.ts'

const subscriber = { uri: 'http://a/b' }
const namespace = uniqueName('crds')
let api: ApiAccess

beforeAll(async () => {
  api = await sharedApiServer()
  await installCrds(api)
  await kubectl(['create', 'namespace', namespace], api)
})

const run = (args: string, stdin?: string) =>
  kubectl(args.split(' '), { kubeconfig: api.kubeconfig, ...(stdin === undefined ? {} : { stdin }) })
const all = crdFileArgs.join(' ')
const path = (version: string, plural: string, name = '') =>
  `/apis/eventing.knative.dev/${version}/namespaces/${namespace}/${plural}${name === '' ? '' : `/${name}`}`

describe('the definitions that ship', () => {
  it('are those of our seven kinds', () => {
    const names = crdFiles.map((file) => basename(file))
    expect(names).toEqual([
      'broker.yaml',
      'inlet.yaml',
      'kafkasource.yaml',
      'outlet.yaml',
      'sinkbinding.yaml',
      'trigger.yaml',
      'worker.yaml',
    ])
  })

  it.each(crdFiles)('%s leaves room below the 262 KB that a client-side apply can take', (file) => {
    expect(statSync(file).size).toBeLessThan(200_000)
  })

  it('are accepted, and applying them again changes nothing', async () => {
    // of what is meant: other tests of the run write who applied them last
    const versions = () => run(`get ${all} -o jsonpath={.items[*].metadata.generation}`)
    await run(`apply ${all}`)
    await installCrds(api)
    const before = await versions()
    expect(before.split(' ')).toHaveLength(crdFiles.length)
    await run(`apply ${all}`)
    await installCrds(api)
    expect(await versions()).toBe(before)
  })

  it('have no condition that complains about a schema', async () => {
    const complaints = await run(
      `get ${all} -o jsonpath={.items[*].status.conditions[?(@.type=="NonStructuralSchema")].message}`,
    )
    expect(complaints).toBe('')
  })
})

describe('kubectl explain', () => {
  /** The API server publishes the schema of a new kind a moment after it serves the kind. */
  const explain = (what: string) =>
    eventually(`kubectl explain ${what}`, async () => {
      const text = await run(`explain ${what}`)
      expect(text).toContain('FIELD')
      return text
    })
  const flat = (text: string) => text.replaceAll(/\s+/g, ' ')

  it('tells about trigger.spec.delivery', async () => {
    const text = flat(await explain('trigger.spec.delivery'))
    expect(text).toContain('retry <integer> Attempts after the first one; a whole number, 0 or more.')
    expect(text).toContain('backoffDelay <string> Base of the wait between attempts, ISO 8601, e.g. PT0.2S.')
    expect(text).toContain('enum: linear, exponential')
    expect(text).toContain('deadLetterSink <Object> Takes the events that could not be delivered.')
  })

  it('says what is required, and what comes later', async () => {
    const text = flat(await explain('trigger.spec'))
    expect(text).toContain('broker <string> -required- Name of the Broker in the same namespace')
    expect(text).toContain('subscriber <Object> -required- Where the events go')
    expect(text).toContain('brokerRef <Object> Not yet: ')
  })

  it('tells about status', async () => {
    expect(flat(await explain('broker.status'))).toContain('conditions <[]Object> What is known about each aspect.')
    expect(flat(await explain('trigger.status'))).toContain('subscriberUri <string> Where events are delivered to')
  })

  it('tells about old versions and what became of their fields', async () => {
    const text = flat(await explain('trigger.spec.filter --api-version=eventing.knative.dev/v1alpha1'))
    expect(text).toContain('sourceAndType <Object> Old form of attributes')
  })
})

describe('kubectl get', () => {
  it('shows of a Broker where it is, whether it is Ready, and its class', async () => {
    await create('v1', 'brokers', {
      kind: 'Broker',
      metadata: { name: 'shown', annotations: { 'eventing.knative.dev/broker.class': 'Kafka' } },
    })
    await writeStatus('brokers', 'shown', {
      address: { url: 'http://ingress/ns/shown' },
      conditions: [{ type: 'Ready', status: 'False', reason: 'TopicNotFound' }],
    })
    const [head, row] = await table('get broker shown')
    expect(head).toEqual(['NAME', 'URL', 'AGE', 'READY', 'REASON', 'CLASS'])
    expect(row).toEqual(['shown', 'http://ingress/ns/shown', expect.any(String), 'False', 'TopicNotFound', 'Kafka'])
  })

  it('shows of a Trigger its Broker and subscriber', async () => {
    await create('v1', 'triggers', trigger('shown'))
    await writeStatus('triggers', 'shown', {
      subscriberUri: 'http://a/b',
      conditions: [{ type: 'Ready', status: 'True', reason: 'Fine' }],
    })
    const [head, row] = await table('get trigger shown')
    expect(head).toEqual(['NAME', 'BROKER', 'SUBSCRIBER_URI', 'AGE', 'READY', 'REASON'])
    expect(row).toEqual(['shown', 'b', 'http://a/b', expect.any(String), 'True', 'Fine'])
  })

  it('shows of a SinkBinding its sink, how many it binds, whether it is Ready, and why not', async () => {
    const subject = { apiVersion: 'apps/v1', kind: 'Deployment', selector: {} }
    const spec = { subject, sink: { uri: 'http://a/b' } }
    const metadata = { name: 'shown', namespace }
    await run(
      'apply -f -',
      JSON.stringify({ apiVersion: 'sources.knative.dev/v1alpha2', kind: 'SinkBinding', metadata, spec }),
    )
    const conditions = [{ type: 'Ready', status: 'False', reason: 'Conflict' }]
    const status = JSON.stringify({ status: { sinkUri: 'http://a/b', subjectCount: 3, conditions } })
    await run(`patch sinkbinding shown -n ${namespace} --subresource=status --type=merge -p ${status}`)
    const [head, row] = await table('get sinkbinding shown')
    expect(head).toEqual(['NAME', 'SINK', 'SUBJECTS', 'AGE', 'READY', 'REASON'])
    expect(row).toEqual(['shown', 'http://a/b', '3', expect.any(String), 'False', 'Conflict'])
  })

  it('shows of a KafkaSource what it reads and where, whether it is Ready, why not, and its lag', async () => {
    const spec = { topics: ['a', 'b'], bootstrapServers: ['k:9092'], sink: { uri: 'http://a/b' } }
    const metadata = { name: 'shown', namespace }
    await run(
      'apply -f -',
      JSON.stringify({ apiVersion: 'sources.knative.dev/v1beta1', kind: 'KafkaSource', metadata, spec }),
    )
    const conditions = [{ type: 'Ready', status: 'False', reason: 'TopicNotFound' }]
    const status = JSON.stringify({ status: { lag: 7, conditions } })
    await run(`patch kafkasource shown -n ${namespace} --subresource=status --type=merge -p ${status}`)
    const [head, row] = await table('get kafkasource shown')
    expect(head).toEqual(['NAME', 'TOPICS', 'BOOTSTRAPSERVERS', 'READY', 'REASON', 'LAG', 'AGE'])
    expect(row).toEqual(['shown', '["a","b"]', '["k:9092"]', 'False', 'TopicNotFound', '7', expect.any(String)])
  })

  it('shows of an Outlet what the data plane was told', async () => {
    await run('apply -f -', JSON.stringify(outletObject('told', namespace)))
    await run(
      `patch outlet told -n ${namespace} --subresource=status --type=merge -p {"status":{"observedGeneration":1,"state":"consuming","fault":{"reason":"GroupInUse","message":"m"},"progress":{"lag":5}}}`,
    )
    const [head, row] = await table('get outlets')
    expect(head).toEqual([...'NAME OF IN SOURCE TOPIC GROUP SUBSCRIBER STATE FAULT LAG AGE'.split(' ')])
    expect(row?.slice(0, -1)).toEqual([...'told Trigger shop orders t g http://a/ consuming GroupInUse 5'.split(' ')])
  })

  it('lists Brokers and Triggers among all, knative and eventing', async () => {
    for (const category of ['all', 'knative', 'eventing']) {
      expect(await run(`get ${category} -n ${namespace} -o name`)).toContain('broker.eventing.knative.dev/shown')
    }
  })
})

describe('old versions', () => {
  it.each(['v1alpha1', 'v1beta1'])('%s has its old fields, and names the Broker default', async (version) => {
    const filter = { sourceAndType: { type: 'a' } }
    const body = { ...trigger('old'), apiVersion: `eventing.knative.dev/${version}`, spec: { filter, subscriber } }
    const dryRun = `${path(version, 'triggers')}?dryRun=All&fieldValidation=Strict`
    const answer = await apiRequest(api, 'POST', dryRun, { body })
    expect(answer).toMatchObject({ status: 201, body: { spec: { broker: 'default' } } })
    // The field ends with admission: what is stored is v1, which does not have it, and says so.
    const v1 = { ...trigger('old'), apiVersion: 'eventing.knative.dev/v1', spec: { broker: 'b', filter, subscriber } }
    const refused = await apiRequest(api, 'POST', `${path('v1', 'triggers')}?fieldValidation=Strict`, { body: v1 })
    expect(refused.body.message).toContain('unknown field "spec.filter.sourceAndType"')
  })

  it('what admission makes of v1alpha1 is stored and read as v1', async () => {
    const old = { filter: { sourceAndType: { type: 'a', source: '' } }, subscriber }
    const { object } = upgradeTrigger({ ...trigger('old'), apiVersion: 'eventing.knative.dev/v1alpha1', spec: old })
    await create('v1alpha1', 'triggers', object)
    const { body } = await apiRequest(api, 'GET', path('v1', 'triggers', 'old'))
    const spec = { broker: 'default', filter: { attributes: { type: 'a' } }, subscriber }
    expect(body).toMatchObject({ apiVersion: 'eventing.knative.dev/v1', spec })
  })

  it.each(['v1alpha1', 'v1beta1'])('a v1 object read and written as %s stays as it is', async (version) => {
    const name = `kept-${version}`
    await create('v1', 'triggers', { ...trigger(name), spec: { ...trigger(name).spec, delivery: { retry: 3 } } })
    const read = await apiRequest(api, 'GET', path(version, 'triggers', name))
    const written = await apiRequest(api, 'PUT', path(version, 'triggers', name), { body: read.body })
    expect(written.status).toBe(200)
    expect(written.body.metadata.resourceVersion).toBe(read.body.metadata.resourceVersion)
  })

  it('are stored in no other version', async () => {
    const stored = await run(
      'get crd brokers.eventing.knative.dev triggers.eventing.knative.dev -o jsonpath={.items[*].status.storedVersions}',
    )
    expect(stored).toBe('["v1"] ["v1"]')
  })
})

describe('the status that tools read', () => {
  const address = { name: 'http', url: 'http://a', CACerts: 'c', audience: 'a' }
  const condition = {
    type: 'Ready',
    status: 'True',
    severity: '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
    reason: '',
    message: '',
  }
  const common = {
    observedGeneration: 1,
    conditions: [condition],
    annotations: { a: 'b' },
    deadLetterSinkUri: 'd',
    deadLetterSinkCACerts: 'e',
    deadLetterSinkAudience: 'f',
  }

  it('of a Broker is kept whole', async () => {
    const status = { ...common, address, addresses: [address], policies: [{ apiVersion: 'v1alpha1', name: 'p' }] }
    await create('v1', 'brokers', { kind: 'Broker', metadata: { name: 'whole' } })
    expect(await writeStatus('brokers', 'whole', status)).toEqual(status)
  })

  it('of a Trigger is kept whole', async () => {
    const auth = { serviceAccountName: 'g', serviceAccountNames: ['g', 'h'] }
    const status = { ...common, subscriberUri: 'a', subscriberCACerts: 'b', subscriberAudience: 'c', auth }
    await create('v1', 'triggers', trigger('whole'))
    expect(await writeStatus('triggers', 'whole', status)).toEqual(status)
  })
})

function trigger(name: string) {
  return { kind: 'Trigger', metadata: { name }, spec: { broker: 'b', subscriber } }
}

async function create(version: string, plural: string, object: object): Promise<void> {
  const body = { ...object, apiVersion: `eventing.knative.dev/${version}` }
  const answer = await apiRequest(api, 'POST', `${path(version, plural)}?fieldValidation=Strict`, { body })
  expect(answer).toMatchObject({ status: 201 })
}

/** What is stored of it. */
async function writeStatus(plural: string, name: string, status: object): Promise<unknown> {
  const body = [{ op: 'add', path: '/status', value: status }]
  const answer = await apiRequest(api, 'PATCH', `${path('v1', plural, name)}/status`, { body, type: 'json' })
  expect(answer.status).toBe(200)
  return answer.body.status
}

async function table(command: string): Promise<string[][]> {
  const text = await run(`${command} -n ${namespace}`)
  return text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s{2,}/))
}
