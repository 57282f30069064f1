/** An Outlet as the controller writes it, with no more than it must have. */
export function outletObject(name: string, namespace: string) {
  return {
    apiVersion: 'internal.millrace.dev/v1alpha1',
    kind: 'Outlet',
    metadata: { name, namespace },
    spec: {
      source: { kind: 'Trigger', namespace: 'shop', name: 'orders' },
      topic: 't',
      group: 'g',
      start: 'latest',
      filter: { attributes: {} },
      subscriber: { url: 'http://a/' },
      delivery: { retry: 0, backoffPolicy: 'linear', backoffDelayMs: 0, timeoutMs: 1 },
      parking: { topic: 'p', partitions: 1, replicationFactor: 1 },
      order: 'unordered',
    },
  }
}
