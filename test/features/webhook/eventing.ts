import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { StoredObject } from '../../../src/kube/client.ts'
import { kinds } from '../../../src/kube/kinds.ts'
import { eventually } from '../../support/eventually.ts'
import { uniqueName } from '../../support/kafka.ts'
import { kubectl } from '../../support/kubectl.ts'
import { handshake, isReady, system, type WebhookRig } from './rig.ts'

/** What users see of admission of Brokers and Triggers, and of its certificates. `open`: begins with the API server of the file, which others have used. */
export function eventingPromises(open: () => Promise<WebhookRig>): void {
  let rig: WebhookRig
  let stopLeading: () => void
  let namespace: string

  beforeAll(async () => {
    rig = await open()
    await rig.replica('controller-0')
    await rig.replica('controller-1')
    stopLeading = rig.lead('controller-0')
    await rig.apply(rig.configurations)
    await eventually('the leader has put the authority into caBundle', () => rig.trusted())
    // The API server hears of it through a watch of its own.
    await eventually(
      'webhooks are called',
      async () => (await rig.tryApply(broker('first', 'default'), ['apply'])).code === 0,
    )
  })
  afterAll(() => rig?.[Symbol.asyncDispose]())

  beforeEach(async () => {
    namespace = uniqueName('shop')
    await rig.createNamespace(namespace)
  })

  const secretKey = { namespace: system, name: 'millrace-webhook-certs' }
  /** What an installation has of webhooks. */
  const installed = [
    [kinds.mutatingWebhook, { namespace: '', name: 'webhook.millrace.dev' }],
    [kinds.validatingWebhook, { namespace: '', name: 'validation.webhook.millrace.dev' }],
    [kinds.secret, secretKey],
  ] as const

  const broker = (name: string, of = namespace): string => `
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: { name: ${name}, namespace: ${of} }
`
  const trigger = (spec: string, version = 'v1'): string => `
apiVersion: eventing.knative.dev/${version}
kind: Trigger
metadata: { name: orders, namespace: ${namespace} }
spec: ${spec}
`
  const subscriber = 'subscriber: { ref: { apiVersion: v1, kind: Service, name: shipping } }'
  const readTrigger = (): Promise<StoredObject | null> =>
    rig.client.get(kinds.trigger, { namespace, name: 'orders' }, rig.signal)
  const readBroker = (name = 'default'): Promise<StoredObject | null> =>
    rig.client.get(kinds.broker, { namespace, name }, rig.signal)

  const ways = [
    ['client-side', ['apply']],
    ['server-side', ['apply', '--server-side']],
  ] as const

  describe('what is applied', () => {
    test.each(ways)(
      'a Broker without a spec is ours, and keeps its resourceVersion when applied again, %s',
      async (_, args) => {
        // With a label: of an object that says nothing at all server-side apply first tracks no fields, and then does.
        const manifest = broker('default').replace('{', '{ labels: { team: a },')
        await rig.apply(manifest, args)
        const first = await readBroker()
        expect(first?.metadata).toMatchObject({
          annotations: {
            'eventing.knative.dev/broker.class': 'Kafka',
            'eventing.knative.dev/creator': expect.any(String),
          },
          finalizers: ['brokers.eventing.knative.dev/millrace'],
        })
        await rig.apply(manifest, args)
        expect((await readBroker())?.metadata.resourceVersion).toBe(first?.metadata.resourceVersion)
      },
    )

    test.each(ways)('a Trigger applied again, %s, keeps its resourceVersion', async (_, args) => {
      const manifest = trigger(`{ broker: default, ${subscriber}, filter: { attributes: { type: order } } }`)
      await rig.apply(manifest, args)
      const first = await readTrigger()
      expect(first).toMatchObject({
        metadata: {
          labels: { 'eventing.knative.dev/broker': 'default' },
          finalizers: ['kafka.triggers.eventing.knative.dev/millrace'],
        },
        spec: { subscriber: { ref: { name: 'shipping', namespace } } },
      })
      await rig.apply(manifest, args)
      expect((await readTrigger())?.metadata.resourceVersion).toBe(first?.metadata.resourceVersion)
    })

    test('a Trigger of v1alpha1 is rewritten, says so, and keeps its resourceVersion when applied again', async () => {
      const manifest = trigger(`{ filter: { sourceAndType: { type: order, source: "" } }, ${subscriber} }`, 'v1alpha1')
      const { code, stderr } = await rig.tryApply(manifest)
      expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('spec.filter.sourceAndType') })
      const first = await readTrigger()
      expect(first).toMatchObject({
        apiVersion: 'eventing.knative.dev/v1',
        metadata: { labels: { 'eventing.knative.dev/broker': 'default' } },
        spec: { broker: 'default', filter: { attributes: { type: 'order' } } },
      })
      expect(JSON.stringify(first?.['spec'])).not.toContain('sourceAndType')
      await rig.apply(manifest)
      expect((await readTrigger())?.metadata.resourceVersion).toBe(first?.metadata.resourceVersion)
    })

    test('filters nested deep are stored as they are; what is ignored or not meant is a warning', async () => {
      const filters = "[{ not: { any: [{ exact: { a: b } }, { all: [{ cesql: NOT a = 'b' }] }] } }]"
      const spec = `{ broker: default, ${subscriber}, filters: ${filters}, filter: { attributes: { type: a } } }`
      const { code, stderr } = await rig.tryApply(trigger(spec))
      expect(code).toBe(0)
      expect(stderr).toMatch(/spec\.filter: is ignored beside spec\.filters/)
      expect(stderr).toMatch(/spec\.filters\[0\]\.not\.any\[1\]\.all\[0\]\.cesql: .*NOT \(a = b\)/)
      expect((await readTrigger())?.['spec']).toMatchObject({
        filters: [{ not: { any: [{ exact: { a: 'b' } }, { all: [{ cesql: "NOT a = 'b'" }] }] } }],
      })
    })

    test('a Broker of another class gets nothing, nor does its Trigger in the same breath', async () => {
      const theirs = broker('default').replace(
        'name: default',
        'name: default, annotations: { eventing.knative.dev/broker.class: MTChannelBasedBroker }',
      )
      await rig.apply(`${theirs}---${trigger(`{ broker: default, ${subscriber} }`)}`)
      for (const object of [await readBroker(), await readTrigger()]) {
        expect(object?.metadata.finalizers).toBeUndefined()
        expect(object?.metadata.labels).toBeUndefined()
        expect(object?.metadata.annotations).not.toHaveProperty('eventing.knative.dev/creator')
      }
    })

    test('the ConfigMap config-br-defaults decides for a namespace, and a later change of it touches no Broker', async () => {
      const data = (name: string): string => `
apiVersion: v1
kind: ConfigMap
metadata: { name: config-br-defaults, namespace: ${system} }
data:
  default-br-config: |
    namespaceDefaults:
      ${namespace}: { name: ${name}, delivery: { retry: 5, timeout: PT7S } }
`
      await rig.apply(data('ours'))
      const config = { apiVersion: 'v1', kind: 'ConfigMap', name: 'ours', namespace }
      await eventually('the default is known', async () => {
        await rig.apply(broker('default'))
        const found = await readBroker()
        if (found?.['spec'] !== undefined) return found
        await kubectl(
          ['patch', 'broker', 'default', '-n', namespace, '--type=merge', '-p', '{"metadata":{"finalizers":null}}'],
          rig.api,
        )
        await kubectl(['delete', 'broker', 'default', '-n', namespace], rig.api)
        return false
      })
      const first = await readBroker()
      expect(first?.['spec']).toEqual({ config, delivery: { retry: 5, timeout: 'PT7S' } })
      await rig.apply(data('others'))
      await rig.apply(broker('default'))
      expect((await readBroker())?.metadata.resourceVersion).toBe(first?.metadata.resourceVersion)
      await rig.apply(broker('default'), ['replace'])
      expect((await readBroker())?.['spec']).toEqual(first?.['spec'])
      await kubectl(['delete', 'configmap', 'config-br-defaults', '-n', system], rig.api)
    })

    test('a name that is generated is no obstacle', async () => {
      const manifest = trigger(`{ broker: default, ${subscriber} }`).replace('name: orders', 'generateName: orders-')
      expect(await rig.apply(manifest, ['create'])).toContain('created')
    })
  })

  describe('what is refused names the field, what is wrong and the fix', () => {
    const attribute = `{ broker: default, ${subscriber}, filter: { attributes: { Type: order } } }`
    const duration = `{ broker: default, ${subscriber}, delivery: { retry: 1, backoffDelay: 200ms } }`
    const dependency = `{ broker: default, ${subscriber} }`

    test.each([
      [
        'an attribute in upper case',
        trigger.bind(null, attribute),
        /spec\.filter\.attributes.*lower-case letters and digits/s,
      ],
      ['a duration of another tool', trigger.bind(null, duration), /spec\.delivery\.backoffDelay.*PT0\.2S/s],
      [
        'a filter deep inside that nobody knows',
        trigger.bind(null, `{ broker: default, ${subscriber}, filters: [{ not: { any: [{ prefx: { type: a } }] } }] }`),
        /spec\.filters\[0\]\.not\.any\[0\]\.prefx.*did you mean prefix\?/s,
      ],
      [
        'an expression that is none',
        trigger.bind(null, `{ broker: default, ${subscriber}, filters: [{ all: [{ cesql: "type == 'a'" }] }] }`),
        /spec\.filters\[0\]\.all\[0\]\.cesql.*character 6: "==" has no meaning here/s,
      ],
      [
        'an annotation with a typo',
        () => annotated(trigger(dependency), 'kafka.eventing.knative.dev/delivery.order: sorted'),
        /delivery\.order.*must be unordered, ordered or key, not "sorted"/s,
      ],
      [
        'an external topic with a space',
        () => annotated(broker('default'), 'kafka.eventing.knative.dev/external.topic: a b'),
        /external\.topic.*is not the name of a Kafka topic/s,
      ],
      [
        'a config that is no ConfigMap',
        () => `${broker('default')}spec: { config: { apiVersion: v1, kind: Secret, name: x } }`,
        /spec\.config\.kind.*must name a ConfigMap.*not Secret/s,
      ],
    ])('%s', async (_, manifest, message) => {
      const { code, stderr } = await rig.tryApply(manifest())
      expect(code).toBe(1)
      expect(stderr).toMatch(message)
    })

    test('two mistakes at once', async () => {
      const both = annotated(
        trigger(`{ broker: default, ${subscriber} }`),
        'kafka.eventing.knative.dev/delivery.order: sorted, knative.dev/dependency: x',
      )
      const { stderr } = await rig.tryApply(both)
      expect(stderr).toContain(`Trigger ${namespace}/orders: 2 fields are wrong`)
      expect(stderr).toMatch(/delivery\.order.*unordered, ordered or key/)
      expect(stderr).toMatch(/dependency.*remove this annotation/)
    })

    const classed = (to: string): string => annotated(broker('default'), `eventing.knative.dev/broker.class: ${to}`)
    test('another class for a Broker, another Broker for a Trigger, another config', async () => {
      await rig.apply(`${broker('default')}---${trigger(`{ broker: default, ${subscriber} }`)}`)
      expect((await rig.tryApply(classed('MTChannelBasedBroker'))).stderr).toMatch(
        /broker\.class.*cannot be changed from Kafka.*create it again/s,
      )
      expect((await rig.tryApply(trigger(`{ broker: other, ${subscriber} }`))).stderr).toMatch(
        /spec\.broker.*cannot be changed.*delete/s,
      )
      const config = `${broker('default')}spec: { config: { apiVersion: v1, kind: ConfigMap, name: x } }`
      expect((await rig.tryApply(config)).stderr).toMatch(/spec\.config.*cannot be changed.*delete/s)
      expect((await rig.tryApply(classed('Kafka'))).code).toBe(0)
    })
  })

  const annotated = (manifest: string, annotations: string): string =>
    manifest.replace(/metadata: \{/, `metadata: { annotations: { ${annotations} },`)

  interface Changes {
    readonly refused: string[]
    taken: number
    stop(): Promise<void>
  }
  let running: Changes | null = null
  afterEach(async () => {
    await running?.stop()
    running = null
  })

  /** Changes the Trigger again and again, until `stop` or the end of the test; each change asks both webhooks. */
  function changing(): Changes {
    const stopping = new AbortController()
    const key = { namespace, name: 'orders' }
    const loop = async (lane: string): Promise<void> => {
      for (let round = 0; !stopping.signal.aborted; round += 1) {
        const body = { metadata: { labels: { [lane]: String(round) } } }
        await rig.client.patch(kinds.trigger, key, { kind: 'merge', body }, rig.signal).then(
          () => (changes.taken += 1),
          (error: Error) => changes.refused.push(error.message),
        )
      }
    }
    const loops = Promise.all([loop('one'), loop('two')])
    const changes: Changes = {
      refused: [],
      taken: 0,
      stop: async () => {
        stopping.abort()
        await loops
      },
    }
    return (running = changes)
  }

  describe('certificates', () => {
    beforeAll(async () => {
      stopLeading()
      stopLeading = rig.lead('controller-0', 50)
      await rig.replica('controller-quick', { pollMs: 20 })
    })
    afterAll(() => {
      stopLeading()
      stopLeading = rig.lead('controller-0')
    })
    beforeEach(async () => {
      await rig.apply(trigger(`{ broker: default, ${subscriber} }`))
    })

    const certificates = (text: string): number => text.split('BEGIN CERTIFICATE').length - 1

    test('are renewed without a refusal, and at every moment what is served is trusted', async () => {
      const before = await rig.trusted()
      const ports = rig.replicas.map(({ server }) => server.port)
      const old = await handshake(ports[0] ?? 0, before)
      const changes = changing()
      const seen = new Set<number>()
      const untrusted: string[] = []
      await kubectl(['annotate', 'secret', secretKey.name, '-n', system, 'webhook.millrace.dev/renew=now'], rig.api)
      const after = await eventually(
        'only the new authority is trusted',
        async () => {
          const trusted = await rig.trusted()
          if (trusted !== '') seen.add(certificates(trusted))
          for (const port of trusted === '' ? [] : ports) {
            await handshake(port, trusted).catch((error: Error) => untrusted.push(error.message))
          }
          return trusted !== '' && trusted !== before && certificates(trusted) === 1 && trusted
        },
        { everyMs: 10 },
      )
      await changes.stop()
      const { refused, taken } = changes
      expect({ refused, untrusted }).toEqual({ refused: [], untrusted: [] })
      expect(taken).toBeGreaterThan(5)
      expect(seen).toEqual(new Set([1, 2]))
      for (const port of ports) {
        expect(await handshake(port, after)).not.toBe(old)
        await expect(handshake(port, before)).rejects.toThrow('unable to')
      }
      const secret = await rig.client.get(kinds.secret, secretKey, rig.signal)
      expect(Object.keys(secret?.['data'] ?? {}).toSorted()).toEqual(['ca.crt', 'tls.crt', 'tls.key'])
      expect(secret?.metadata.annotations).not.toHaveProperty('webhook.millrace.dev/renew')
    })

    test('at rest nobody writes', async () => {
      const versions = async (): Promise<unknown[]> => [
        (await rig.client.get(kinds.secret, secretKey, rig.signal))?.metadata.resourceVersion,
        await kubectl(
          [
            'get',
            'mutatingwebhookconfiguration,validatingwebhookconfiguration',
            '-o',
            'jsonpath={.items[*].metadata.resourceVersion}',
          ],
          rig.api,
        ),
      ]
      const first = await versions()
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      expect(await versions()).toEqual(first)
    })

    test('applying the configurations again leaves caBundle alone', async () => {
      const before = await rig.trusted()
      expect(await rig.apply(rig.configurations)).toMatch(/^(\S+ unchanged\n){4}$/)
      await rig.apply(rig.configurations, ['apply', '--server-side', '--force-conflicts'])
      expect(await rig.trusted()).toBe(before)
    })

    test('a configuration that was made anew gets its caBundle back', async () => {
      const before = await rig.trusted()
      await kubectl(['delete', 'mutatingwebhookconfiguration', 'webhook.millrace.dev'], rig.api)
      await rig.apply(rig.configurations)
      await eventually('caBundle is back', async () => (await rig.trusted()) === before)
    })

    test('a Secret that was deleted comes back as it was, and nobody is refused', async () => {
      const before = await rig.trusted()
      const changes = changing()
      await kubectl(['delete', 'secret', secretKey.name, '-n', system], rig.api)
      await eventually('it is back', () => rig.client.get(kinds.secret, secretKey, rig.signal))
      await changes.stop()
      expect(changes.refused).toEqual([])
      expect(await rig.trusted()).toBe(before)
    })

    test('a Secret that was broken is made anew', async () => {
      const before = await rig.trusted()
      const body = { data: { 'tls.key': '' } }
      await rig.client.patch(kinds.secret, secretKey, { kind: 'merge', body }, rig.signal)
      await eventually('another authority is trusted, and replicas serve by it', async () => {
        const trusted = await rig.trusted()
        // a renewal before this test may just let its old authority go: what is left then is no repair
        if (before.includes(trusted)) return false
        return Promise.all(rig.replicas.map(({ server }) => handshake(server.port, trusted)))
      })
      await eventually('changes are taken again', async () => (await rig.tryApply(broker('default'))).code === 0)
    })
  })

  describe('replicas', () => {
    test('a rollout goes by: new ones come, old ones go, and nobody is refused', async () => {
      await rig.apply(trigger(`{ broker: default, ${subscriber} }`))
      const changes = changing()
      const old = [...rig.replicas]
      const coming = await rig.replica('controller-2')
      for (const replica of old) await replica.stop()
      await eventually('the new one is asked', () => coming.connections > 0)
      const before = changes.taken
      await eventually('changes go on', () => changes.taken > before + 5)
      await changes.stop()
      expect(changes.refused).toEqual([])
    })

    test('none is there: changes are refused by the API server, deletions and status go on', async () => {
      const manifest = trigger(`{ broker: default, ${subscriber} }`)
      await rig.apply(manifest)
      for (const replica of [...rig.replicas]) await replica.stop()

      const { code, stderr } = await rig.tryApply(manifest.replace('default', 'other'))
      expect(code).toBe(1)
      expect(stderr).toMatch(/failed calling webhook "webhook\.millrace\.dev"/)

      const status = { status: { conditions: [] } }
      const key = { namespace, name: 'orders' }
      await rig.client.patch(kinds.trigger, key, { kind: 'merge', body: status }, rig.signal, { subresource: 'status' })
      await kubectl(['delete', 'trigger', 'orders', '-n', namespace, '--wait=false'], rig.api)
      expect((await readTrigger())?.metadata.deletionTimestamp).toBeDefined()
      const body = { metadata: { finalizers: null } }
      await rig.client.patch(kinds.trigger, key, { kind: 'merge', body }, rig.signal)
      expect(await readTrigger()).toBeNull()

      await rig.replica('controller-3')
      await eventually('changes are taken again', async () => (await rig.tryApply(manifest)).code === 0)
      expect((await readTrigger())?.metadata.finalizers).toEqual(['kafka.triggers.eventing.knative.dev/millrace'])
    })
  })

  /** The last: it takes away what the others have made. */
  test('at the first install a Broker is taken as soon as /readyz says so', async () => {
    stopLeading()
    for (const replica of [...rig.replicas]) await replica.stop()
    for (const [resource, key] of installed) await rig.client.delete(resource, key, rig.signal)
    await rig.apply(rig.configurations)
    // So slow that it shows who waits for it; and it looks before any replica has made the Secret.
    const pollMs = 90_000
    rig.lead('controller-0', pollMs)
    await new Promise((resolve) => setTimeout(resolve, 200))
    const replica = await rig.replica('controller-0', { pollMs })
    await eventually('it is Ready', () => isReady(replica), { everyMs: 10 })
    const metadata = { name: 'first', namespace }
    const object = { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', metadata }
    const { finalizers } = (await rig.client.create(kinds.broker, object, rig.signal)).metadata
    expect(finalizers).toEqual(['brokers.eventing.knative.dev/millrace'])
  })
}
