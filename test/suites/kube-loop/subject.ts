import { systemClock } from '../../../src/core/clock.ts'
import type { KubeClient, KubeObject, Resource, StoredObject } from '../../../src/kube/client.ts'
import { startInformer, type Informer, type InformerOptions } from '../../../src/kube/informer.ts'
import { kinds } from '../../../src/kube/kinds.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'
import { TappedClient } from './tapped-client.ts'

/** An API server that has the kind {@link gadget}. */
export interface LoopUnderTest {
  client(): KubeClient
  /** Whether it is a whole API server: with other kinds, defaults, and history that is compacted. */
  readonly real: boolean
  close(): Promise<void>
}

/** A kind with a status subresource, any fields in spec and status. */
export const gadget: Resource = {
  group: 'loop.test.millrace.dev',
  version: 'v1',
  plural: 'gadgets',
  kind: 'Gadget',
  namespaced: true,
}

const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }

/** The definition of {@link gadget}, or of another kind like it. */
export function definitionOf({ group, version, plural, kind }: Resource): KubeObject {
  const schema = {
    openAPIV3Schema: {
      type: 'object',
      properties: { spec: anything, status: { ...anything, properties: { dropped: { type: 'object' } } } },
    },
  }
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural, kind, singular: kind.toLowerCase() },
      versions: [{ name: version, served: true, storage: true, schema, subresources: { status: {} } }],
    },
  }
}

/** What one test works with: a namespace of its own, and an end. */
export interface Bench extends AsyncDisposable {
  readonly client: TappedClient
  /** Not counted. */
  readonly admin: KubeClient
  readonly namespace: string
  readonly stop: AbortController
  readonly signal: AbortSignal
  gadget(name: string, spec?: object): KubeObject
  make(name: string, spec?: object): Promise<StoredObject>
  inform(resource?: Resource, options?: Partial<InformerOptions>): Informer
}

export const logger = createLogger(process.env['LOOP_LOG'] === undefined ? 'silent' : 'debug')
export const clock = systemClock

export async function openBench({ client }: LoopUnderTest): Promise<Bench> {
  const [admin, tapped] = [client(), new TappedClient(client())]
  const namespace = `loop-${crypto.randomUUID().slice(0, 8)}`
  const stop = new AbortController()
  const { signal } = stop
  const object = (name: string, spec: object = {}): KubeObject => ({
    apiVersion: `${gadget.group}/${gadget.version}`,
    kind: 'Gadget',
    metadata: { name, namespace },
    spec,
  })
  await admin.create(kinds.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, signal)
  return {
    client: tapped,
    admin,
    namespace,
    stop,
    signal,
    gadget: object,
    make: (name, spec) => admin.create(gadget, object(name, spec), new AbortController().signal),
    inform: (resource = gadget, options = {}) =>
      startInformer({ client: tapped, resource, selection: { namespace }, clock, logger, signal, ...options }),
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await admin.delete(kinds.namespace, { namespace: '', name: namespace }, AbortSignal.timeout(5_000))
      admin.close()
      tapped.close()
    },
  }
}
