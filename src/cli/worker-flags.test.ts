import { expect, test } from 'vitest'
import { environment, UsageError } from './flags.ts'
import { dispatcherFlags, ingressFlags } from './worker-flags.ts'

const outside = environment({})
const pod = environment({ POD_NAME: 'd-0', POD_UID: 'u-1', POD_NAMESPACE: 'system' })
const ingress = { port: '8080' }
const dispatcher = { group: 'g', data: 'd' }

function complaints(read: () => unknown): readonly string[] {
  try {
    read()
    return []
  } catch (error) {
    if (error instanceof UsageError) return error.message.split('\n')
    throw error
  }
}

test('in a pod --kubernetes is all that it takes', () => {
  const source = { kind: 'kubernetes', namespace: 'system', kubeconfig: undefined, name: 'd-0', podUid: 'u-1' }
  expect(ingressFlags({ ...ingress, kubernetes: true }, pod)).toMatchObject({
    ...{ source, host: '::', port: 8080, lameDuckMs: 3_000, kafka: undefined },
  })
  expect(dispatcherFlags({ ...dispatcher, kubernetes: true }, pod)).toMatchObject({
    ...{ source, host: '::', healthPort: 8081, instance: 'd-0', group: 'g', data: 'd', kafka: undefined },
  })
})

test('from outside of a cluster, with a kubeconfig, nothing is reachable from elsewhere and no pod owns what is written', () => {
  const raw = { ...dispatcher, kubernetes: true, kubeconfig: 'file', namespace: 'other', instance: 'mine' }
  expect(dispatcherFlags(raw, pod)).toMatchObject({
    source: { kubeconfig: 'file', namespace: 'other', name: 'mine', podUid: undefined },
    host: '127.0.0.1',
    instance: 'mine',
  })
})

test('on a file of routes it is as before', () => {
  expect(ingressFlags({ ...ingress, routes: 'r', kafka: 'k:1' }, outside)).toEqual({
    ...{ source: { kind: 'file', file: 'r' }, host: '127.0.0.1', port: 8080, lameDuckMs: 0 },
    ...{ kafka: { bootstrapServers: 'k:1' }, metricsPort: undefined, tracing: {} },
  })
  expect(dispatcherFlags({ ...dispatcher, routes: 'r', kafka: 'k:1', instance: 'a' }, outside)).toMatchObject({
    ...{ source: { kind: 'file', file: 'r' }, instance: 'a', healthPort: undefined },
  })
})

test('the main Kafka may ask who one is; credentials are Secrets, or files of a folder', () => {
  const kafka = { kafka: 'k:1', kafkaCredential: 'kafka-1' }
  expect(dispatcherFlags({ ...dispatcher, ...kafka, kubernetes: true }, pod).kafka).toEqual({
    ...{ bootstrapServers: 'k:1', credential: 'kafka-1' },
  })
  expect(ingressFlags({ ...ingress, ...kafka, routes: 'r', credentials: 'folder' }, outside).source).toEqual({
    ...{ kind: 'file', file: 'r', credentials: 'folder' },
  })
  const wrong = { ...dispatcher, kubernetes: true, kafkaCredential: 'kafka-1', credentials: 'folder' }
  expect(complaints(() => dispatcherFlags(wrong, pod))).toEqual([
    '--kafka-credential is of no use without --kafka',
    '--credentials is of no use with --kubernetes: there credentials are Secrets',
  ])
})

test.each([
  ['1s', 1_000],
  ['250ms', 250],
  ['0', 0],
])('--lame-duck %s', (lameDuck, ms) => {
  expect(ingressFlags({ ...ingress, kubernetes: true, lameDuck }, pod).lameDuckMs).toBe(ms)
})

test('every problem is told at once', () => {
  expect(complaints(() => ingressFlags({ port: 'x', namespace: 'a', lameDuck: 'soon' }, outside))).toEqual([
    '--port is not a number',
    '--lame-duck must be a time such as 1s or 500ms',
    '--routes is missing: name a file of Inlets and Outlets, or take them from the cluster with --kubernetes',
    '--kafka is missing: the bootstrap servers of the Kafka cluster, e.g. --kafka localhost:9092',
    '--namespace is of use with --kubernetes only',
  ])
  expect(complaints(() => dispatcherFlags({ ...dispatcher, routes: 'r', kafka: 'nonsense' }, outside))).toEqual([
    '--kafka must be HOST:PORT, several separated by commas, e.g. localhost:9092',
    '--instance is missing: a stable name of this process',
  ])
  expect(complaints(() => dispatcherFlags({ ...dispatcher, kubernetes: true, routes: 'r' }, outside))).toEqual([
    '--routes is of no use beside --kubernetes',
    '--instance is missing: outside of a pod (which sets POD_NAME) give this process a name',
  ])
})
