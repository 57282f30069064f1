import { describe, expect, it } from 'vitest'
import type { KafkaCluster } from '../../contract/source.ts'
import type { KubeObject, StoredObject } from '../../kube/client.ts'
import { children, withReplicas } from './children.ts'
import type { WorkersInput } from './pod.ts'
import { readSettings } from './settings.ts'

/** Looked at with expect(), not with types. */
type Json = ReturnType<typeof JSON.parse>

const input = (data: Record<string, string> = {}): WorkersInput => {
  const { settings, problems } = readSettings(data)
  expect(problems).toEqual([])
  return { namespace: 'knative-eventing', image: 'millrace:1', settings }
}
const find = (kind: string, name: string, data?: Record<string, string>): KubeObject => {
  const found = children(input(data)).find(({ desired }) => desired.kind === kind && desired.metadata.name === name)
  if (found === undefined) throw new Error(`no ${kind} ${name}`)
  return found.desired
}
const ingress = (data?: Record<string, string>): Json => find('Deployment', 'millrace-ingress', data)
const dispatcher = (data?: Record<string, string>): Json => find('StatefulSet', 'millrace-dispatcher', data)
const stored = (object: KubeObject, replicas: number): StoredObject => ({
  ...object,
  metadata: { ...object.metadata, uid: 'u', resourceVersion: '7' },
  spec: { ...(object['spec'] as object), replicas },
})

describe('the objects of the workers', () => {
  it('have the names that users write into their manifests', () => {
    expect(children(input()).map(({ desired }) => `${desired.kind} ${desired.metadata.name}`)).toEqual([
      'Deployment millrace-ingress',
      'StatefulSet millrace-dispatcher',
      'Service kafka-broker-ingress',
      'Service broker-ingress',
      'PodDisruptionBudget millrace-ingress',
      'PodDisruptionBudget millrace-dispatcher',
    ])
  })

  it('select the pods that they are for', () => {
    const labels = ingress().spec.template.metadata.labels
    const service: Json = find('Service', 'broker-ingress')
    expect(labels).toMatchObject(service.spec.selector)
    expect(labels).toMatchObject(ingress().spec.selector.matchLabels)
    expect(dispatcher().spec.template.metadata.labels).toMatchObject(dispatcher().spec.selector.matchLabels)
    expect(dispatcher().spec.template.metadata.labels).not.toMatchObject(service.spec.selector)
    expect(service.spec.ports).toMatchObject([{ port: 80, targetPort: 8080 }])
  })

  it('keep the fields that the API server never lets change: else each upgrade needs a hand', () => {
    const labels = (role: string) => ({
      matchLabels: { 'app.kubernetes.io/name': 'millrace', 'app.kubernetes.io/component': role },
    })
    const filled = { 'workers.annotations': 'team: eventing', 'dispatcher.replicas': '4', 'kafka.fleetGroup': 'second' }
    for (const data of [{}, filled]) {
      const { selector, serviceName, podManagementPolicy, volumeClaimTemplates } = dispatcher(data).spec
      expect({ selector, serviceName, podManagementPolicy, volumeClaimTemplates }).toEqual({
        selector: labels('dispatcher'),
        serviceName: 'millrace-dispatcher',
        podManagementPolicy: 'Parallel',
        volumeClaimTemplates: undefined,
      })
      expect(ingress(data).spec.selector).toEqual(labels('ingress'))
    }
  })

  it('meet on the main Kafka, signed in with its credential', () => {
    const args = (kafka?: KafkaCluster): readonly string[] => {
      const given = kafka === undefined ? input() : { ...input(), kafka }
      const found: Json = children(given).find(({ desired }) => desired.kind === 'StatefulSet')?.desired
      return found.spec.template.spec.containers[0].args
    }
    const without = args()
    expect(without).not.toContain('--kafka')
    expect(args({ bootstrapServers: 'a:1,b:2' })).toEqual([...without, '--kafka', 'a:1,b:2'])
    const credential = ['--kafka-credential', 'kafka-1']
    expect(args({ bootstrapServers: 'a:1', credential: 'kafka-1' })).toEqual([
      ...without,
      '--kafka',
      'a:1',
      ...credential,
    ])
  })

  it('run the image of the controller, unless the settings name one', () => {
    expect(ingress().spec.template.spec.containers[0].image).toBe('millrace:1')
    const image = 'registry.example.com:5000/millrace@sha256:abc'
    expect(dispatcher({ image }).spec.template.spec.containers[0].image).toBe(image)
  })

  it('take what the settings say of pods, and keep a dispatcher its name', () => {
    const { metadata, spec } = dispatcher({
      'workers.annotations': 'team: eventing',
      'workers.priorityClassName': 'high',
      'dispatcher.resources': 'limits: {memory: 2Gi}',
      'log.level': 'debug',
      'kafka.fleetGroup': 'second',
    }).spec.template
    expect(metadata.annotations).toMatchObject({ team: 'eventing', 'prometheus.io/port': '9090' })
    expect(spec.priorityClassName).toBe('high')
    expect(spec).not.toHaveProperty('annotations')
    expect(spec).not.toHaveProperty('resources')
    const [container] = spec.containers
    expect(container.resources).toEqual({ requests: { cpu: '200m', memory: '256Mi' }, limits: { memory: '2Gi' } })
    expect(container.env).toContainEqual({ name: 'MILLRACE_LOG', value: 'debug' })
    expect(container.args.join(' ')).toContain('--instance $(POD_NAME) --group second')
  })

  it('remember what becomes of events on a volume of their own, and are told a token that may come later', () => {
    for (const { spec } of [ingress().spec.template, dispatcher().spec.template]) {
      const [{ args, volumeMounts, securityContext }] = spec.containers
      expect(args.slice(1).join(' ')).toContain(
        '--lineage /var/lib/millrace --lineage-mib 64 --lineage-hours 24 --lineage-token-file /etc/millrace/lineage/token',
      )
      expect(volumeMounts).toEqual([
        { name: 'lineage', mountPath: '/var/lib/millrace' },
        { name: 'lineage-token', mountPath: '/etc/millrace/lineage', readOnly: true },
      ])
      expect(spec.volumes).toEqual([
        { name: 'lineage', emptyDir: { sizeLimit: '80Mi' } },
        { name: 'lineage-token', secret: { secretName: 'millrace-lineage', optional: true, defaultMode: 0o644 } },
      ])
      expect(securityContext.readOnlyRootFilesystem).toBe(true)
    }
  })

  it('remember as much as the settings say, or nothing', () => {
    const more = ingress({ lineage: '{mib: 1008, hours: 0.5}' }).spec.template.spec
    expect(more.containers[0].args.join(' ')).toContain('--lineage-mib 1008 --lineage-hours 0.5')
    // as the API server writes it, else it would be applied for ever
    expect(more.volumes[0].emptyDir).toEqual({ sizeLimit: '1Gi' })
    const { containers, volumes } = dispatcher({ lineage: 'enabled: false' }).spec.template.spec
    expect(containers[0].args.join(' ')).not.toContain('lineage')
    expect([volumes, containers[0].volumeMounts]).toEqual([undefined, undefined])
  })
})

describe('replicas', () => {
  const desired = dispatcher()
  const of = (object: Json): number => object.spec.replicas

  it('are two at first', () => expect(of(withReplicas(desired, null))).toBe(2))

  it('are what they are from then on, also none', () => {
    expect(of(withReplicas(desired, stored(desired, 9)))).toBe(9)
    expect(of(withReplicas(desired, stored(desired, 0)))).toBe(0)
  })

  it('are only repeated as long as nobody changed them meanwhile', () => {
    expect(withReplicas(desired, stored(desired, 9)).metadata.resourceVersion).toBe('7')
  })

  it('are what the settings say', () => {
    const four = dispatcher({ 'dispatcher.replicas': '4' })
    expect(of(four)).toBe(4)
    expect(withReplicas(four, stored(desired, 9))).toBe(four)
  })
})
