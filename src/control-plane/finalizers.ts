import type { KubeClient, StoredObject } from '../kube/client.ts'
import { kinds } from '../kube/kinds.ts'

/**
 * Finalizers, those that we set first. In the form domain/name: for a bare domain the API server prints a warning into every `kubectl apply`. The
 * second is that of Knative's controllers, which an adopted object has: it stands for ours, and goes with it.
 */
export const finalizers = {
  broker: ['brokers.eventing.knative.dev/millrace', 'brokers.eventing.knative.dev'],
  trigger: ['kafka.triggers.eventing.knative.dev/millrace', 'kafka.triggers.eventing.knative.dev'],
  kafkaSource: ['kafkasources.sources.knative.dev/millrace', 'kafkasources.sources.knative.dev'],
  sinkBinding: ['sinkbindings.sources.knative.dev/millrace', 'sinkbindings.sources.knative.dev'],
} as const satisfies Record<string, readonly [ours: string, ofKnative: string]>

export type HeldKind = keyof typeof finalizers

/** Whether the object waits for us before it is gone. */
export function isHeld(kind: HeldKind, present: readonly string[] = []): boolean {
  return finalizers[kind].some((name) => present.includes(name))
}

/** With ours. */
export function held(kind: HeldKind, present: readonly string[] = []): readonly string[] {
  return isHeld(kind, present) ? present : [...present, finalizers[kind][0]]
}

/** Puts our finalizer, before anything is made that must be cleaned up. @throws ApiConflict when the object changed meanwhile. */
export function hold(client: KubeClient, kind: HeldKind, object: StoredObject, signal: AbortSignal): Promise<void> {
  return setFinalizers(client, kind, object, held(kind, object.metadata.finalizers), signal)
}

/** Takes ours off: all that was made of the object is gone. @throws ApiConflict when it changed meanwhile. */
export function release(client: KubeClient, kind: HeldKind, object: StoredObject, signal: AbortSignal): Promise<void> {
  const names: readonly string[] = finalizers[kind]
  const others = object.metadata.finalizers?.filter((name) => !names.includes(name)) ?? []
  return setFinalizers(client, kind, object, others, signal)
}

async function setFinalizers(
  client: KubeClient,
  kind: HeldKind,
  { metadata }: StoredObject,
  names: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { name, namespace = '', uid, resourceVersion } = metadata
  const body = { metadata: { uid, resourceVersion, finalizers: names } }
  await client.patch(kinds[kind], { name, namespace }, { kind: 'merge', body }, signal)
}
