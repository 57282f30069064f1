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

/** Without ours. */
export function released(kind: HeldKind, present: readonly string[] = []): readonly string[] {
  const names: readonly string[] = finalizers[kind]
  return present.filter((name) => !names.includes(name))
}
