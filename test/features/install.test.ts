import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { foreignObjects } from '../../src/control-plane/preflight.ts'
import { webhookConfigurations } from '../../src/control-plane/webhook/configuration.ts'
import type { WorkersSummary } from '../../src/control-plane/workers/reconciler.ts'
import { findSelf } from '../../src/control-plane/workers/self.ts'
import { startWorkers } from '../../src/control-plane/workers/workers.ts'
import { credentialsNamespace } from '../../src/contract/credential.ts'
import { systemClock as clock } from '../../src/core/clock.ts'
import { eventRecorder } from '../../src/kube/events.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { children } from '../../src/control-plane/workers/children.ts'
import { defaultSettings, readSettings, settingKeys } from '../../src/control-plane/workers/settings.ts'
import { readTracing, tracingNames } from '../../src/control-plane/workers/tracing.ts'
import { restClient } from '../../src/kube/rest.ts'
import { apiRequest, serviceAccount, type Impersonated, type Json } from '../support/api-request.ts'
import { startApiServer, type RunningApiServer } from '../support/api-server.ts'
import { eventually } from '../support/eventually.ts'
import { kubectl, kubectlPath, tryKubectl } from '../support/kubectl.ts'
import { outletObject } from '../support/outlet-object.ts'

const config = join(import.meta.dirname, '..', '..', 'config')
const system = 'knative-eventing'
const [controller, ingress, dispatcher] = ['controller', 'ingress', 'dispatcher'].map((name) =>
  serviceAccount(system, `millrace-${name}`),
) as [Impersonated, Impersonated, Impersonated]
const clusterAdmin: Impersonated = { user: 'root', groups: ['system:masters', 'system:authenticated'] }

const documents = (text: string): Json[] => parseAllDocuments(text).map((document) => document.toJS())
const shipped = (file: string): Json[] => documents(readFileSync(join(config, file), 'utf8'))

describe('the manifests', () => {
  it('have the webhooks that the controller serves', () => {
    const address = { namespace: system, serviceName: 'millrace-webhook' }
    expect(shipped('410-webhooks.yaml')).toEqual(webhookConfigurations(address))
  })

  it('set nothing, and document settings that are right, and all of them', () => {
    for (const file of ['300-config-millrace.yaml', '310-config-knative.yaml']) {
      for (const { metadata, data } of shipped(file)) expect(Object.keys(data), metadata.name).toEqual(['_example'])
    }
    const [{ data }] = shipped('300-config-millrace.yaml')
    const [example] = documents(data._example)
    expect(readSettings(example).problems).toEqual([])
    expect(Object.keys(example).filter((key) => !settingKeys.includes(key))).toEqual([])
    const fields = (keys: readonly string[]) =>
      new Set(keys.map((key) => key.replace(/^(workers|ingress|dispatcher)\./, '')))
    expect(fields(Object.keys(example))).toEqual(fields(settingKeys))
    const traces = shipped('310-config-knative.yaml').find(({ metadata }) => metadata.name === tracingNames.current)
    const { target, problems } = readTracing(documents(traces?.data._example)[0])
    expect([problems, target?.samplingRate]).toEqual([[], 0.1])
  })
})

/** Only what make would do is asked: nothing is run. */
describe('make', () => {
  const make = async (...args: string[]) => {
    // As a user's: these tests may be run by make.
    const { IMAGE: _image, MAKEFLAGS: _flags, MAKELEVEL: _level, MFLAGS: _more, ...env } = process.env
    const child = spawn('make', ['-n', ...args], { cwd: join(config, '..'), env, stdio: ['ignore', 'pipe', 'pipe'] })
    const closed = once(child, 'close') as Promise<[number]>
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), closed])
    return { code, stdout, stderr }
  }

  it.each(['install', 'release'])('%s does nothing until an image is named', async (target) => {
    const { code, stdout, stderr } = await make(target)
    expect(code).not.toBe(0)
    expect(stdout).toBe('')
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(stderr).toContain(`say which image: make ${target} IMAGE=`)
    const named = await make(target, 'IMAGE=millrace:dev')
    expect(named.stderr).toBe('')
    expect(named.code).toBe(0)
    expect(named.stdout).toMatch(/config\/(install|render) millrace:dev/)
  })
})

/** One API server of its own: our policies speak of all namespaces. */
describe('installed', () => {
  let api: RunningApiServer
  const k = (...args: string[]) => kubectl(args, api)
  const as = (who: Impersonated | undefined) => (who === undefined ? {} : { as: who })
  const ask = (method: string, path: string, who?: Impersonated, body?: unknown, type?: 'merge' | 'apply') =>
    apiRequest(api, method, path, { ...as(who), body, ...(type === undefined ? {} : { type }) })
  /** As `kubectl apply -k config/`, which would work out differences in a way that takes four times as long. */
  const applyAll = () => k('apply', '--openapi-patch=false', '-k', config)
  const apply = (object: object) => kubectl(['apply', '-f', '-'], { ...api, stdin: JSON.stringify(object) })
  const versions = () => {
    const template = '{range .items[*]}{.kind} {.metadata.name} {.metadata.resourceVersion}{"\\n"}{end}'
    return k('get', '-k', config, '-o', `jsonpath=${template}`)
  }

  /** What the kubelet mounts into a pod of this name. Here nobody runs it. */
  const tokenOf = async (role: string, pod: string): Promise<string> => {
    const input = { namespace: system, image: 'millrace:1', settings: defaultSettings }
    const found = children(input).find(({ desired }) => desired.metadata.name === `millrace-${role}`)
    const { metadata, spec } = (found as Json).desired.spec.template
    await apply({ apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name: pod, namespace: system }, spec })
    const bound = ['--bound-object-kind', 'Pod', '--bound-object-name', pod]
    return (await k('create', 'token', `millrace-${role}`, '-n', system, ...bound)).trim()
  }

  beforeAll(async () => {
    api = await startApiServer()
    await k('apply', '-k', join(config, 'crds'))
    // From before our webhooks, which nobody serves here.
    await k('create', 'namespace', 'shop')
    await eventually('Brokers are served', () => apply(broker).then(() => true))
    await apply(trigger)
    await k('apply', '-k', config)
    await k('wait', '--for=condition=Established', '--timeout=120s', 'crd', '-l', 'app.kubernetes.io/name=millrace')
  }, 120_000)
  afterAll(() => api?.close())

  it('and applied again changes nothing, nor what was configured', async () => {
    const kafka = '{"data":{"bootstrap.servers":"my-kafka:9092"}}'
    await k('patch', 'configmap', 'kafka-broker-config', '-n', system, '--type', 'merge', '-p', kafka)
    // As the leader does.
    const trust = [
      { op: 'add', path: '/webhooks/0/clientConfig/caBundle', value: Buffer.from(api.ca).toString('base64') },
    ]
    await k('patch', 'mutatingwebhookconfiguration', 'webhook.millrace.dev', '--type=json', '-p', JSON.stringify(trust))
    const observed = '{.status.observedGeneration} {.status.unavailableReplicas}'
    // Then Kubernetes itself has nothing more to write about the controller, whose pods no node takes.
    await eventually('the Deployment is looked after', async () => {
      return (await k('get', 'deployment', 'millrace-controller', '-n', system, '-o', `jsonpath=${observed}`)) === '1 2'
    })
    const before = await versions()
    expect(before.split('\n').length).toBeGreaterThan(35)
    await k('apply', '-k', config)
    await k('apply', '-k', join(config, 'crds'))
    expect(await versions()).toBe(before)
    expect(await k('get', 'configmap', 'kafka-broker-config', '-n', system, '-o', 'yaml')).toContain('my-kafka:9092')
  })

  it('and is not in its own way', async () => {
    const { url: server, ca, cert, key } = api
    const client = restClient({ server, ca, cert, key, namespace: system })
    expect(await foreignObjects(client, system, AbortSignal.timeout(60_000))).toEqual([])
    await k('label', 'crd', 'brokers.eventing.knative.dev', 'app.kubernetes.io/name=knative-eventing', '--overwrite')
    const foreign = await foreignObjects(client, system, AbortSignal.timeout(60_000))
    expect(foreign).toEqual(['CustomResourceDefinition brokers.eventing.knative.dev'])
    await k('apply', '-k', join(config, 'crds'))
    client.close()
  })

  it('and the pods pass the restricted Pod Security level', async () => {
    const input = { namespace: system, image: 'millrace:1', settings: defaultSettings }
    const templates = [...children(input).map(({ desired }) => desired), ...shipped('500-controller.yaml')]
      .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
      .map((object: Json) => object.spec.template)
    expect(templates).toHaveLength(3)
    const create = (template: Json) =>
      ask('POST', `/api/v1/namespaces/${system}/pods?dryRun=All`, undefined, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { ...template.metadata, name: 'probe' },
        spec: template.spec,
      })
    for (const template of templates) {
      const { status, body } = await create(template)
      expect(status, body.message).toBe(201)
      const [container] = body.spec.containers
      expect(Object.keys(container.resources)).toEqual(['limits', 'requests'])
      expect(container.readinessProbe.httpGet.path).toBe('/readyz')
      expect(container.livenessProbe.httpGet.path).toBe('/healthz')
    }
    // The namespace does enforce it.
    const loose = { metadata: {}, spec: { containers: [{ name: 'a', image: 'a:1' }] } }
    expect((await create(loose)).body.message).toContain('violates PodSecurity "restricted')
  })

  describe('the contract with the data plane', () => {
    const inlets = `/apis/internal.millrace.dev/v1alpha1/namespaces/${system}/inlets`
    const outlets = inlets.replace(/inlets$/, 'outlets')
    const inlet = (name: string, namespace = system) => ({
      apiVersion: 'internal.millrace.dev/v1alpha1',
      kind: 'Inlet',
      metadata: { name, namespace },
      spec: { source: { kind: 'Broker', namespace: 'shop', name: 'default' }, path: '/shop/default', topic: 'orders' },
    })
    const outlet = outletObject('out', system)
    const consuming = { status: { observedGeneration: 1, state: 'consuming' } }

    beforeAll(async () => {
      // One who may do anything in this namespace, by rights.
      await k('create', 'role', 'all', '-n', 'shop', '--verb=*', '--resource=*.*')
      await k('create', 'rolebinding', 'all', '-n', 'shop', '--role=all', '--user=alice')
      await eventually('the policies are in force', async () => {
        return (await ask('POST', `${inlets}?dryRun=All`, clusterAdmin, inlet('probe'))).status === 403
      })
      expect((await ask('POST', inlets, controller, inlet('in'))).body.message).toBeUndefined()
      expect((await ask('POST', outlets, controller, outlet)).body.message).toBeUndefined()
    })

    it('is written by the controller alone, whatever rights somebody has', async () => {
      const alice: Impersonated = { user: 'alice', groups: ['system:authenticated'] }
      const shop = inlets.replace(system, 'shop')
      const refusal = 'Inlets and Outlets are written by the controller of Millrace alone'
      const refused = async (answer: ReturnType<typeof ask>) => {
        const { status, body } = await answer
        expect(status).toBe(403)
        expect(body.message).toContain(refusal)
      }
      await refused(ask('POST', shop, alice, inlet('forged', 'shop')))
      for (const who of [clusterAdmin, undefined]) {
        await refused(ask('POST', inlets, who, inlet('forged')))
        await refused(ask('PATCH', `${inlets}/in`, who, { spec: { topic: 'other' } }, 'merge'))
        await refused(ask('PATCH', `${inlets}/in?fieldManager=me&force=true`, who, inlet('in'), 'apply'))
        await refused(ask('DELETE', `${outlets}/out`, who))
      }
      const changed = await ask('PATCH', `${inlets}/in`, controller, { spec: { topic: 'other' } }, 'merge')
      expect(changed.body.spec.topic).toBe('other')
    })

    it('has its status from the workers, who change nothing else', async () => {
      const status = (who: Impersonated | undefined) => ask('PATCH', `${outlets}/out/status`, who, consuming, 'merge')
      expect((await status(clusterAdmin)).body.message).toContain('nobody else may write it')
      expect((await status(dispatcher)).body.status).toMatchObject(consuming.status)
      expect((await ask('PATCH', `${outlets}/out`, dispatcher, { spec: { topic: 'x' } }, 'merge')).status).toBe(403)
      expect((await ask('DELETE', `${outlets}/out`, dispatcher)).status).toBe(403)
    })

    it('has Workers that speak for themselves, and each for its pod alone', async () => {
      const workers = inlets.replace(/inlets$/, 'workers')
      const { apiVersion } = outlet
      const worker = (name: string, role = 'dispatcher') => {
        return { apiVersion, kind: 'Worker', metadata: { name, namespace: system }, spec: { role } }
      }
      const [a, b, c] = [
        await tokenOf('dispatcher', 'a'),
        await tokenOf('dispatcher', 'b'),
        await tokenOf('ingress', 'c'),
      ]
      const by = (token: string, method: string, path: string, body?: unknown, type?: 'merge') =>
        apiRequest(api, method, path, { token, body, ...(type === undefined ? {} : { type }) })
      const seen = { status: { seen: '1', owns: [] } }
      const say = (token: string, name: string) => by(token, 'PATCH', `${workers}/${name}/status`, seen, 'merge')
      const refused = async (answer: ReturnType<typeof ask>, why: string) => {
        const { status, body } = await answer
        expect(body.message).toContain(why)
        expect(status).toBe(403)
      }
      const [stranger, other, role] = [
        'say of themselves',
        'speaks for itself alone',
        'the role of a Worker is that of',
      ]

      await refused(ask('POST', workers, clusterAdmin, worker('a')), stranger)
      expect((await by(a, 'POST', workers, worker('a'))).body.message).toBeUndefined()
      expect((await by(b, 'POST', workers, worker('b'))).status).toBe(201)
      expect((await say(a, 'a')).body.message).toBeUndefined()
      await refused(ask('PATCH', `${workers}/a/status`, clusterAdmin, seen, 'merge'), stranger)

      // of another pod, of none, and of another role
      await refused(say(a, 'b'), other)
      await refused(by(a, 'DELETE', `${workers}/b`), other)
      await refused(by(a, 'POST', workers, worker('x')), other)
      await refused(ask('POST', workers, dispatcher, worker('x')), other)
      await refused(say(c, 'a'), other)
      await refused(by(c, 'POST', workers, worker('c')), role)
      expect((await by(c, 'POST', workers, worker('c', 'ingress'))).status).toBe(201)

      for (const [token, name] of [[a, 'a'] as const, [b, 'b'] as const, [c, 'c'] as const])
        expect((await by(token, 'DELETE', `${workers}/${name}`)).status).toBe(200)
      // Of a pod that is gone: collected by Kubernetes, which is asked below, for it takes up new kinds every 30 s.
      const gone = { apiVersion: 'v1', kind: 'Pod', name: 'gone', uid: '0e4ec0ee-0000-4000-8000-000000000000' }
      const orphan = worker('orphan')
      const owned = { ...orphan, metadata: { ...orphan.metadata, ownerReferences: [gone] } }
      expect((await by(await tokenOf('dispatcher', 'orphan'), 'POST', workers, owned)).status).toBe(201)
      await k('delete', 'pods', 'a', 'b', 'c', 'orphan', '-n', system, '--force', '--grace-period=0')
    })

    it('has what signs in to Kafka from the controller alone', async () => {
      const secrets = `/api/v1/namespaces/${credentialsNamespace}/secrets`
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'kafka-1' } }
      const refusal = 'the controller of Millrace alone writes Secrets'
      const refused = async (answer: ReturnType<typeof ask>) =>
        expect((await answer).body).toMatchObject({ code: 403, message: expect.stringContaining(refusal) as string })
      const apply = '?fieldManager=millrace&force=true'
      const data = { data: { 'credential.json': 'e30=' } }
      for (const who of [clusterAdmin, undefined]) await refused(ask('POST', secrets, who, secret))
      expect(
        (await ask('PATCH', `${secrets}/kafka-1${apply}`, controller, { ...secret, ...data }, 'apply')).status,
      ).toBe(201)
      await refused(ask('PATCH', `${secrets}/kafka-1`, clusterAdmin, data, 'merge'))
      await refused(ask('DELETE', `${secrets}/kafka-1`, clusterAdmin))
      expect((await ask('PATCH', `${secrets}/kafka-1`, dispatcher, data, 'merge')).status).toBe(403)
      expect((await ask('GET', secrets, dispatcher)).body['items']).toHaveLength(1)
      // Elsewhere nothing of this holds.
      const elsewhere = `${secrets.replace(credentialsNamespace, 'shop')}?dryRun=All`
      expect((await ask('POST', elsewhere, clusterAdmin, secret)).status).toBe(201)
    })

    it('has positions of the dispatchers, who write no other ConfigMap', async () => {
      const configMaps = `/api/v1/namespaces/${system}/configmaps`
      const positions = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'millrace-positions-1' }, data: {} }
      const apply = '?fieldManager=millrace&force=true'
      expect(
        (await ask('PATCH', `${configMaps}/millrace-positions-1${apply}`, dispatcher, positions, 'apply')).status,
      ).toBe(201)
      expect((await ask('DELETE', `${configMaps}/millrace-positions-1`, dispatcher)).status).toBe(200)
      const edit = await ask('PATCH', `${configMaps}/kafka-broker-config`, dispatcher, { data: { a: 'b' } }, 'merge')
      expect(edit.body.message).toContain('called millrace-positions-... only')
      expect((await ask('DELETE', `${configMaps}/config-millrace`, dispatcher)).status).toBe(403)
    })
  })

  describe('rights', () => {
    /** `verb group/resource[/subresource][:name] [in namespace]`; '' is the core group. */
    const may = async (who: Impersonated, what: string): Promise<boolean> => {
      const [verb = '', path = '', , namespace = ''] = what.split(' ')
      const [object = '', name = ''] = path.split(':')
      const [group = '', resource = '', subresource = ''] = object.split('/')
      const attributes = { verb, group, resource, subresource, name, namespace }
      const spec = { user: who.user, groups: who.groups, resourceAttributes: attributes }
      const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec }
      const { body } = await ask('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', undefined, review)
      return body.status.allowed as boolean
    }
    const each = (verbs: string, where: string): string[] => verbs.split(',').map((verb) => `${verb} ${where}`)
    const eventing = 'eventing.knative.dev'
    const sources = 'sources.knative.dev'
    const internal = 'internal.millrace.dev'
    const inSystem = `in ${system}`
    const inCredentials = `in ${credentialsNamespace}`

    // What the code asks for: a line a place.
    const needs: readonly (readonly [string, Impersonated, readonly string[]])[] = [
      [
        'controller',
        controller,
        [
          ...each('get,list,watch,create,patch', `${eventing}/brokers in shop`),
          ...each('get,list,watch,patch', `${eventing}/triggers in shop`),
          ...each('patch', `${eventing}/brokers/status in shop`),
          ...each('patch', `${eventing}/triggers/status in shop`),
          ...each('list,watch,patch', `${sources}/sinkbindings in shop`),
          ...each('patch', `${sources}/sinkbindings/status in shop`),
          ...each('get,list,watch,patch', `${sources}/kafkasources in shop`),
          ...each('patch', `${sources}/kafkasources/status in shop`),
          ...['deployments', 'statefulsets', 'daemonsets', 'replicasets'].flatMap((plural) =>
            each('list,watch,patch', `apps/${plural} in shop`),
          ),
          ...['jobs', 'cronjobs'].flatMap((plural) => each('list,watch,patch', `batch/${plural} in shop`)),
          ...each('list,watch', '/configmaps'),
          ...each('list,watch', '/services'),
          ...each('list,watch', '/namespaces'),
          ...each('list,watch', 'apiextensions.k8s.io/customresourcedefinitions'),
          ...each('create,patch', '/events in shop'),
          ...each('list', 'admissionregistration.k8s.io/mutatingwebhookconfigurations'),
          ...each('list', 'admissionregistration.k8s.io/validatingwebhookconfigurations'),
          ...each('get,patch', 'admissionregistration.k8s.io/mutatingwebhookconfigurations:webhook.millrace.dev'),
          ...each(
            'get,patch',
            'admissionregistration.k8s.io/mutatingwebhookconfigurations:bindings.webhook.millrace.dev',
          ),
          ...each(
            'get,patch',
            'admissionregistration.k8s.io/mutatingwebhookconfigurations:kinds.bindings.webhook.millrace.dev',
          ),
          ...each(
            'get,patch',
            'admissionregistration.k8s.io/validatingwebhookconfigurations:validation.webhook.millrace.dev',
          ),
          ...['inlets', 'outlets'].flatMap((plural) =>
            each('get,list,watch,create,patch,delete', `${internal}/${plural} ${inSystem}`),
          ),
          ...each('list,watch', `${internal}/workers ${inSystem}`),
          ...each('get,list,watch', `/pods ${inSystem}`),
          ...each('get,list,watch,create,patch', `apps/deployments:millrace-ingress ${inSystem}`),
          ...each('get,list,watch,create,patch', `apps/statefulsets:millrace-dispatcher ${inSystem}`),
          ...['kafka-broker-ingress', 'broker-ingress'].flatMap((name) =>
            each('get,list,watch,create,patch', `/services:${name} ${inSystem}`),
          ),
          ...['ingress', 'dispatcher'].flatMap((name) =>
            each('get,list,watch,create,patch', `policy/poddisruptionbudgets:millrace-${name} ${inSystem}`),
          ),
          ...each('get,create,update', `coordination.k8s.io/leases:millrace-controller ${inSystem}`),
          ...each('get,create,update,patch', `/secrets:millrace-webhook-certs ${inSystem}`),
          ...each('get,create', `/secrets:millrace-lineage ${inSystem}`),
          ...each('get', '/secrets in shop'),
          ...each('list,watch,create,patch,delete', `/secrets ${inCredentials}`),
        ],
      ],
      [
        'ingress',
        ingress,
        [
          ...each('list,watch', `/secrets ${inCredentials}`),
          ...each('list,watch', `${internal}/inlets ${inSystem}`),
          ...each('get,create,delete', `${internal}/workers ${inSystem}`),
          ...each('patch', `${internal}/workers/status ${inSystem}`),
        ],
      ],
      [
        'dispatcher',
        dispatcher,
        [
          ...each('list,watch', `/secrets ${inCredentials}`),
          ...each('list,watch', `${internal}/outlets ${inSystem}`),
          ...each('patch', `${internal}/outlets/status ${inSystem}`),
          ...each('get,create,delete', `${internal}/workers ${inSystem}`),
          ...each('patch', `${internal}/workers/status ${inSystem}`),
          ...each('list', `/configmaps ${inSystem}`),
          ...each('create,patch,delete', `/configmaps:millrace-positions-1 ${inSystem}`),
          ...each('get', `apps/statefulsets:millrace-dispatcher ${inSystem}`),
        ],
      ],
    ]

    it.each(needs)('of the %s are all that it needs', async (_name, who, allowed) => {
      const answers = await Promise.all(allowed.map((what) => may(who, what)))
      expect(allowed.filter((_, index) => answers[index] !== true)).toEqual([])
    })

    it.each(needs)('of the %s end there', async (name, who) => {
      const beyond = [
        ...each('list,watch,create,update,patch,delete', '/secrets in shop'),
        ...each('list,watch,delete', `/secrets ${inSystem}`),
        ...each('update,deletecollection', `/secrets ${inCredentials}`),
        ...each('create', `/pods ${inCredentials}`),
        ...(name === 'controller' ? [] : each('get', `/secrets:other ${inSystem}`)),
        ...(name === 'controller' ? [] : each('get', '/secrets in shop')),
        ...(name === 'controller' ? [] : each('get,create,patch,delete', `/secrets ${inCredentials}`)),
        ...each('create,update,patch,delete', '/pods in shop'),
        ...each('create', '/pods/exec in knative-eventing'),
        ...each('get,create,patch', '/services in shop'),
        ...each('update,delete', `apps/deployments:millrace-controller ${inSystem}`),
        ...each('create,update,delete', 'apps/deployments in shop'),
        ...each('create,update,delete', 'batch/jobs in shop'),
        ...(name === 'controller' ? [] : each('list,patch', 'apps/deployments in shop')),
        ...each('create', `apps/deployments:other ${inSystem}`),
        ...each('create', `apps/statefulsets ${inSystem}`),
        ...each('create,patch,update,delete', `${internal}/outlets in shop`),
        ...each('delete,update', `${eventing}/brokers in shop`),
        ...each('create,delete,update', `${sources}/sinkbindings in shop`),
        ...each('create,delete,update', `${sources}/kafkasources in shop`),
        ...each('create', `/serviceaccounts/token ${inSystem}`),
        ...each('bind,escalate,create,patch', 'rbac.authorization.k8s.io/clusterroles'),
        ...each('impersonate', '/users'),
        ...each('patch', 'admissionregistration.k8s.io/mutatingwebhookconfigurations:other'),
        ...(name === 'controller' ? [] : each('get,list,watch', `${eventing}/triggers in shop`)),
        ...(name === 'controller' ? [] : each('get,list', '/configmaps in shop')),
        ...(name === 'ingress' ? each('get,list,watch,patch', `${internal}/outlets ${inSystem}`) : []),
      ]
      const answers = await Promise.all(beyond.map((what) => may(who, what)))
      expect(beyond.filter((_, index) => answers[index] !== false)).toEqual([])
    })

    it('of those who may ask what became of events are for that, in the system namespace', async () => {
      const ann: Impersonated = { user: 'ann' }
      await k('create', 'rolebinding', 'trace-for-ann', '-n', system, '--clusterrole=millrace-trace', '--user=ann')
      const needed = [
        ...['inlets', 'outlets', 'workers'].flatMap((plural) => each('get,list', `${internal}/${plural} ${inSystem}`)),
        ...each('get,list', `/pods ${inSystem}`),
        ...each('get', `/pods/proxy:ingress-1 ${inSystem}`),
        ...each('get', `/secrets:millrace-lineage ${inSystem}`),
      ]
      const beyond = [
        ...each('get', '/pods/proxy:app in shop'),
        ...each('create,update', `/pods/proxy:ingress-1 ${inSystem}`),
        ...each('get', `/secrets:millrace-webhook-certs ${inSystem}`),
        ...each('list,watch,update,patch', `/secrets:millrace-lineage ${inSystem}`),
        ...each('get', '/secrets:millrace-lineage in shop'),
        ...each('list', `/secrets ${inCredentials}`),
        ...each('patch', `${internal}/outlets ${inSystem}`),
        ...each('list', `/pods in shop`),
      ]
      await eventually('ann asks', async () => may(ann, needed[0] ?? ''))
      const allowed = await Promise.all([...needed, ...beyond].map((what) => may(ann, what)))
      expect(allowed).toEqual([...needed.map(() => true), ...beyond.map(() => false)])
      await k('delete', 'rolebinding', 'trace-for-ann', '-n', system)
    })

    it('suffice to make the workers and to repair them', async () => {
      const token = (await k('create', 'token', 'millrace-controller', '-n', system)).trim()
      const client = restClient({ server: api.url, ca: api.ca, token: () => token, namespace: system })
      const stop = new AbortController()
      const options = { client, namespace: system, clock, logger: createLogger('silent'), signal: stop.signal }
      const events = eventRecorder({ ...options, component: 'millrace-controller' })
      const { owner } = await findSelf(client, system, '', stop.signal)
      expect(owner).toMatchObject({ kind: 'Deployment', name: 'millrace-controller' })
      const reports: WorkersSummary[] = []
      const report = (summary: WorkersSummary): void => void reports.push(summary)
      await startWorkers({ ...options, ...(owner === null ? {} : { owner }), image: 'millrace:1', events, report })
      await eventually('a report', () => reports[0])
      const ok = { kind: 'ok' }
      expect(reports[0]).toEqual({ ingress: ok, dispatcher: ok, address: ok, problems: [], tracing: [], lineage: [] })
      const workers = ['deployment/millrace-ingress', 'statefulset/millrace-dispatcher', 'service/broker-ingress']
      await k('delete', ...workers, '-n', system)
      await eventually('they are back', async () => (await k('get', ...workers, '-n', system, '-o', 'name')) !== '')
      stop.abort()
      client.close()
    })

    it('on workloads are for their variables, outside of system namespaces', async () => {
      const containers = [{ name: 'app', image: 'app:1' }]
      const template = { metadata: { labels: { app: 'app' } }, spec: { containers } }
      const spec = { selector: { matchLabels: { app: 'app' } }, template }
      await apply({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'app', namespace: 'shop' }, spec })
      const change = (namespace: string, name: string, container: object) => {
        const body = { spec: { template: { spec: { containers: [{ ...containers[0], ...container }] } } } }
        return ask('PATCH', `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`, controller, body, 'merge')
      }
      const bound = await change('shop', 'app', { env: [{ name: 'K_SINK', value: 'http://a' }] })
      expect(bound.body.message).toBeUndefined()
      const image = await change('shop', 'app', { image: 'other:1' })
      expect(image.body.message).toContain('change the variables of containers, not the containers')
      const own = await change(system, 'millrace-controller', {})
      expect(own.body.message).toContain('bind nothing in system namespaces')
      await k('delete', 'deployment', 'app', '-n', 'shop')
    })

    it.each(['Deployment', 'CronJob'])('on a %s are for nothing else of it', async (kind) => {
      const app = { name: 'app', image: 'app:1', env: [{ name: 'A', value: '1' }], volumeMounts: [] as object[] }
      const init = { name: 'init', image: 'init:1' }
      const pod = { containers: [app], initContainers: [init], volumes: [{ name: 'data', emptyDir: {} }] }
      const labels = { app: 'field' }
      const cron = kind === 'CronJob'
      const specWith = (more: object, own: object = {}, metadata: object = {}) => {
        const template = { metadata: { labels, ...metadata }, spec: { ...pod, ...more } }
        return cron ? { ...own, jobTemplate: { spec: { template } } } : { ...own, template }
      }
      const metadata = { name: 'field', namespace: 'shop' }
      const spec = cron
        ? specWith({ restartPolicy: 'Never' }, { schedule: '0 0 1 1 *' })
        : specWith({}, { selector: { matchLabels: labels } })
      await apply({ apiVersion: cron ? 'batch/v1' : 'apps/v1', kind, metadata, spec })
      const path = `/apis/${cron ? 'batch' : 'apps'}/v1/namespaces/shop/${kind.toLowerCase()}s/field?dryRun=All`
      const change = async (body: object): Promise<string> => {
        const answer = await ask('PATCH', path, controller, { spec: body }, 'merge')
        return answer.status === 200 ? 'taken' : answer.body.message
      }
      const container = (more: object) => specWith({ containers: [{ ...app, ...more }] })
      const initContainer = (more: object) => specWith({ initContainers: [{ ...init, ...more }] })
      const sink = [{ name: 'K_SINK', value: 'http://a' }, { name: 'ORDERS_K_CE_OVERRIDES' }]
      expect(await change(container({ env: [...app.env, ...sink] }))).toBe('taken')
      expect(await change(initContainer({ env: sink }))).toBe('taken')
      const mount = { volumeMounts: [{ name: 'data', mountPath: '/data' }] }
      const privileged = { securityContext: { privileged: true } }
      const changes: Record<string, object> = {
        image: container({ image: 'other:1' }),
        command: container({ command: ['other'] }),
        args: container({ args: ['other'] }),
        volumeMounts: container(mount),
        securityContext: container(privileged),
        envFrom: container({ envFrom: [{ secretRef: { name: 'other' } }] }),
        lifecycle: container({ lifecycle: { postStart: { exec: { command: ['other'] } } } }),
        'a variable of someone else': container({ env: [{ name: 'A', value: '2' }] }),
        'one container more': specWith({ containers: [app, { ...app, name: 'more' }] }),
        'an init container less': specWith({ initContainers: null }),
        'command of an init container': initContainer({ command: ['other'] }),
        'volumeMounts of an init container': initContainer(mount),
        'securityContext of an init container': initContainer(privileged),
        volumes: specWith({ volumes: [...pod.volumes, { name: 'more', hostPath: { path: '/' } }] }),
        serviceAccountName: specWith({ serviceAccountName: 'other' }),
        hostNetwork: specWith({ hostNetwork: true }),
        hostPID: specWith({ hostPID: true }),
        hostIPC: specWith({ hostIPC: true }),
        'securityContext of the pod': specWith({ securityContext: { runAsUser: 0 } }),
        'metadata of the pod': specWith({}, {}, { annotations: { a: 'b' } }),
        ...(cron ? { schedule: specWith({}, { schedule: '* * * * *' }) } : { replicas: specWith({}, { replicas: 7 }) }),
      }
      const said = await Promise.all(
        Object.entries(changes).map(async ([what, body]) => [what, await change(body)] as const),
      )
      expect(said.filter(([, message]) => !message.includes('SinkBindings change the variables'))).toEqual([])
      await k('delete', kind.toLowerCase(), 'field', '-n', 'shop')
    })

    it('reach any kind that calls itself addressable, and others reach Brokers', async () => {
      const rules = [{ apiGroups: ['example.com'], resources: ['sockeyes'], verbs: ['get', 'list', 'watch'] }]
      const [apiVersion, kind, metadata] = ['rbac.authorization.k8s.io/v1', 'ClusterRole', { name: 'sockeyes' }]
      await apply({ apiVersion, kind, metadata, rules })
      expect(await may(controller, 'list example.com/sockeyes in shop')).toBe(false)
      await k('label', 'clusterrole', 'sockeyes', 'duck.knative.dev/addressable=true')
      await eventually('the role is aggregated', () => may(controller, 'list example.com/sockeyes in shop'))
    })

    it('of those who may edit or view a namespace speak of its Brokers and Triggers', async () => {
      await k('create', 'rolebinding', 'editor', '-n', 'shop', '--clusterrole=edit', '--user=eve')
      await k('create', 'rolebinding', 'viewer', '-n', 'shop', '--clusterrole=view', '--user=victor')
      const [eve, victor] = [{ user: 'eve' }, { user: 'victor' }]
      await eventually('eve edits', () => may(eve, `patch ${eventing}/triggers in shop`))
      expect(await may(eve, `create ${eventing}/brokers in shop`)).toBe(true)
      expect(await may(eve, `create ${sources}/sinkbindings in shop`)).toBe(true)
      expect(await may(eve, `create ${sources}/kafkasources in shop`)).toBe(true)
      expect(await may(eve, `patch ${sources}/kafkasources/scale in shop`)).toBe(true)
      expect(await may(eve, `patch ${eventing}/brokers/status in shop`)).toBe(false)
      expect(await may(eve, `list ${internal}/inlets in shop`)).toBe(false)
      await eventually('victor views', () => may(victor, `watch ${eventing}/brokers in shop`))
      expect(await may(victor, `create ${eventing}/brokers in shop`)).toBe(false)
    })
  })

  it('and Workers of pods that are gone are collected', { timeout: 180_000 }, async () => {
    const orphan = `/apis/internal.millrace.dev/v1alpha1/namespaces/${system}/workers/orphan`
    await eventually('it is gone', async () => (await ask('GET', orphan)).status === 404, { withinMs: 170_000 })
  })

  it('and a Broker keeps its class', async () => {
    // Nobody serves them here, so nothing could be changed.
    const webhooks = [
      'mutatingwebhookconfigurations,validatingwebhookconfigurations',
      '-l',
      'app.kubernetes.io/name=millrace',
    ]
    await k('delete', ...webhooks)
    const path = '/apis/eventing.knative.dev/v1/namespaces/shop/brokers/default'
    const set = (value: string | null) => {
      const body = { metadata: { annotations: { 'eventing.knative.dev/broker.class': value } } }
      return ask('PATCH', path, undefined, body, 'merge')
    }
    await eventually('it has a class', async () => (await set('Kafka')).status === 200)
    for (const other of ['MTChannelBasedBroker', null]) {
      const { status, body } = await set(other)
      expect(status).toBe(422)
      expect(body.message).toContain('is Kafka and cannot be')
      expect(body.message).toContain('delete the Broker and create it again')
    }
    expect((await ask('PATCH', path, undefined, { metadata: { labels: { a: 'b' } } }, 'merge')).status).toBe(200)
    await applyAll()
  })

  it('over ConfigMaps of a Knative that was there leaves what they say', async () => {
    const live = { 'bootstrap.servers': 'their-kafka:9092', 'default.topic.partitions': '20' }
    const metadata = { name: 'kafka-broker-config', namespace: system }
    const theirs = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { ...live, _example: 'theirs' } }
    const found = async (): Promise<Json> =>
      JSON.parse(await k('get', 'configmap', metadata.name, '-n', system, '-o', 'json'))
    await k('delete', 'configmap', metadata.name, 'config-sugar', '-n', system)
    await apply(theirs)

    const { code, stdout, stderr } = await runScript('install', ['registry.example.com/millrace:2'], api.kubeconfig)
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(stdout).toContain('configmap/kafka-broker-config stays as it is')
    expect((await found()).data).toEqual(theirs.data)
    // All else is installed.
    expect(await k('get', 'configmap', 'config-sugar', '-n', system, '-o', 'yaml')).toContain('namespace-selector')
    expect(await k('get', 'deployment', 'millrace-controller', '-n', system, '-o', 'yaml')).toContain('millrace:2')

    // As docs/operations.md has it for who goes on with kubectl apply -k.
    const applied = 'kubectl.kubernetes.io/last-applied-configuration-'
    await k('annotate', 'configmap', metadata.name, '-n', system, applied)
    await applyAll()
    const taken = await found()
    expect(taken.data).toEqual({ ...live, _example: expect.stringContaining('my-cluster-kafka-bootstrap') as string })
    expect(taken.metadata.labels['app.kubernetes.io/name']).toBe('millrace')
  })

  it('is guarded by the NetworkPolicies that are shown', async () => {
    const example = join(config, 'examples', 'network-policy.yaml')
    const { code, stdout, stderr } = await tryKubectl(['apply', '--dry-run=server', '-f', example], api)
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(stdout.trim().split('\n')).toHaveLength(3)
    const selectors = shipped('examples/network-policy.yaml').map(({ spec }) => spec.podSelector.matchLabels)
    const input = { namespace: system, image: 'millrace:1', settings: defaultSettings }
    const pods = [...children(input).map(({ desired }) => desired), ...shipped('500-controller.yaml')]
      .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
      .map((object: Json) => object.spec.template)
    for (const pod of pods) {
      const mine = shipped('examples/network-policy.yaml').filter(({ spec }) =>
        Object.entries(spec.podSelector.matchLabels).every(([name, value]) => pod.metadata.labels[name] === value),
      )
      expect(mine, JSON.stringify(selectors)).toHaveLength(1)
    }
  })

  it('and rendered with an image is one file that a cluster takes', async () => {
    const image = 'registry.example.com:5000/millrace@sha256:0123'
    const { stdout } = await runScript('render', [image], api.kubeconfig)
    expect(stdout).toContain(`image: ${image}`)
    expect(stdout).not.toContain('millrace:dev')
    const { code, stderr } = await tryKubectl(['apply', '--openapi-patch=false', '--dry-run=server', '-f', '-'], {
      ...api,
      stdin: stdout,
    })
    expect(stderr).toBe('')
    expect(code).toBe(0)
  })
  describe('and uninstalled', () => {
    const uninstall = (...args: string[]) => runScript('uninstall', args, api.kubeconfig)

    it('only when it is said what becomes of topics', async () => {
      const { code, stderr } = await uninstall()
      expect(code).toBe(1)
      expect(stderr).toContain('there are 2 Brokers, Triggers, SinkBindings and KafkaSources')
      const { stderr: stopped } = await uninstall('--delete-topics')
      expect(stopped).toContain('the controller does not run, so it cannot delete topics')
      expect(await k('get', 'brokers,triggers', '-n', 'shop', '-o', 'name')).toContain('broker.')
    })

    it('leaves nothing of ours, and all of others', { timeout: 120_000 }, async () => {
      await k('create', 'configmap', 'theirs', '-n', system)
      const { code, stdout, stderr } = await uninstall('--keep-topics')
      expect(stderr).toBe('')
      expect(code).toBe(0)
      expect(stdout).toContain(`Namespace ${system} stays, since there is more in it: configmap/theirs`)
      const crds = await k('get', 'crd', '-o', 'name')
      expect(crds).not.toContain('knative.dev')
      expect(crds).not.toContain('millrace.dev')
      const kinds =
        'clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings,' +
        'mutatingwebhookconfigurations,validatingwebhookconfigurations'
      expect(await k('get', kinds, '-o', 'name')).not.toContain('millrace')
      await eventually('what signed in to Kafka is gone', async () => {
        return (await k('get', 'namespace', credentialsNamespace, '--ignore-not-found', '-o', 'name')) === ''
      })
      const inNamespace = 'deployments,statefulsets,services,secrets,serviceaccounts,roles,rolebindings,leases,pods,pdb'
      expect(await k('get', inNamespace, '-n', system, '-o', 'name')).toBe('serviceaccount/default\n')
      expect(await k('get', 'rolebinding', 'editor', '-n', 'shop', '-o', 'name')).toContain('editor')

      await k('delete', 'configmap', 'theirs', '-n', system)
      const again = await uninstall()
      expect(again.stderr).toBe('')
      expect(await k('get', 'namespace', system, '--ignore-not-found', '-o', 'name')).toBe('')
    })
  })
})

const broker = {
  apiVersion: 'eventing.knative.dev/v1',
  kind: 'Broker',
  metadata: { name: 'default', namespace: 'shop', finalizers: ['brokers.eventing.knative.dev/millrace'] },
}
const trigger = {
  apiVersion: 'eventing.knative.dev/v1',
  kind: 'Trigger',
  metadata: { name: 'orders', namespace: 'shop', finalizers: ['kafka.triggers.eventing.knative.dev'] },
  spec: { broker: 'default', subscriber: { uri: 'http://orders.shop' } },
}

async function runScript(name: string, args: readonly string[], kubeconfig: string) {
  const env = { ...process.env, KUBECONFIG: kubeconfig, KUBECTL: kubectlPath() }
  const child = spawn(join(config, name), args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const closed = once(child, 'close') as Promise<[number]>
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), closed])
  return { code, stdout, stderr }
}
