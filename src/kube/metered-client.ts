import type { KubeClient, Resource } from './client.ts'
import type { KubeMetrics } from './kube-metrics.ts'

/** The same API server, with its requests counted. @param metrics undefined: nobody asks, the client as it is. */
export function meteredClient(client: KubeClient, metrics: KubeMetrics | undefined): KubeClient {
  if (metrics === undefined) return client
  const timed = <T>(verb: string, { plural, group }: Resource, request: Promise<T>): Promise<T> =>
    metrics.timed(verb, group === '' ? plural : `${plural}.${group}`, request)
  const heard = ({ plural, group }: Resource): void => metrics.heard(group === '' ? plural : `${plural}.${group}`)
  return {
    get: (resource, key, signal) => timed('get', resource, client.get(resource, key, signal)),
    list: (resource, options, signal) => timed('list', resource, client.list(resource, options, signal)),
    watch: (resource, options, on, signal) => {
      heard(resource)
      const told: typeof on = (event) => {
        heard(resource)
        on(event)
      }
      return timed('watch', resource, client.watch(resource, options, told, signal))
    },
    create: (resource, object, signal, options) =>
      timed('create', resource, client.create(resource, object, signal, options)),
    replace: (resource, object, signal, options) =>
      timed('replace', resource, client.replace(resource, object, signal, options)),
    patch: (resource, key, patch, signal, options) =>
      timed('patch', resource, client.patch(resource, key, patch, signal, options)),
    apply: (resource, object, fieldManager, signal, options) =>
      timed('apply', resource, client.apply(resource, object, fieldManager, signal, options)),
    delete: (resource, key, signal, options) =>
      timed('delete', resource, client.delete(resource, key, signal, options)),
    close: () => client.close(),
  }
}
