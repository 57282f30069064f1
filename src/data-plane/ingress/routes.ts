import type { Inlet } from '../../contract/inlet.ts'
import type { RouteSet } from '../../contract/route-source.ts'
import { methodNotAllowed, type Problem } from './problem.ts'

const probes: readonly string[] = ['/healthz', '/readyz']

/** Inlets by path, kept current: a change counts from the next request on. */
export class Routes {
  readonly #byPath = new Map<string, Inlet>()
  readonly #byUid = new Map<string, Inlet>()
  readonly #unsubscribe: () => void

  constructor(inlets: RouteSet<Inlet>) {
    for (const inlet of inlets.current.values()) this.#set(inlet)
    this.#unsubscribe = inlets.subscribe((change) => {
      if (change.kind === 'set') this.#set(change.value)
      else this.#remove(change.uid)
    })
  }

  close(): void {
    this.#unsubscribe()
  }

  /** @param url request target as it was sent: with a query, a trailing slash or (through a proxy) an origin it still finds its Inlet. */
  find(url: string): Inlet | undefined {
    return this.#byPath.get(url) ?? this.#byPath.get(pathOf(url))
  }

  /** Why an event cannot be sent here, and what to do. It names no Broker that the sender does not name: anyone may ask. */
  notFound(url: string, method: string): Problem {
    const path = pathOf(url)
    if (probes.includes(path)) return methodNotAllowed(method, allowOf(url))
    const [, namespace, name, ...rest] = path.split('/')
    const shaped = namespace !== undefined && namespace !== '' && name !== undefined && name !== '' && rest.length === 0
    const detail = shaped
      ? `There is no Broker ${namespace}/${name}: apply it, or check the URL (kubectl get brokers -n ${namespace} shows those that are there).`
      : 'Events are taken at /<namespace>/<broker>: check the URL.'
    return { status: 404, code: 'NotFound', title: 'Nothing takes events at this path', detail }
  }

  #set(inlet: Inlet): void {
    this.#remove(inlet.uid)
    this.#byUid.set(inlet.uid, inlet)
    this.#byPath.set(inlet.path, inlet)
  }

  #remove(uid: string): void {
    const old = this.#byUid.get(uid)
    this.#byUid.delete(uid)
    // a new object of the same name may have come before the old one went
    if (old !== undefined && this.#byPath.get(old.path) === old) this.#byPath.delete(old.path)
  }
}

/** The methods of a path, whether there is something at it or not. */
export function allowOf(url: string): string {
  return isProbe(url) ? 'GET, HEAD, OPTIONS' : 'POST, OPTIONS'
}

/** Whether the kubelet asks here how the process is. */
export function isProbe(url: string): boolean {
  return probes.includes(pathOf(url))
}

/** The path in a request target, without query, origin or trailing slash. */
export function pathOf(url: string): string {
  const origin = /^https?:\/\/[^/?#]*/i.exec(url)?.[0].length ?? 0
  const end = url.indexOf('?', origin)
  const path = url.slice(origin, end === -1 ? undefined : end)
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}
