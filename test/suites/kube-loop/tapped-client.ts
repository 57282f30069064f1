import type { KubeClient, ObjectName, Resource, WatchEvent } from '../../../src/kube/client.ts'
import type { Fault } from '../../../src/core/fault.ts'

/** A request that went through. */
export interface Call {
  readonly verb: keyof KubeClient
  readonly kind: string
  readonly name: string | undefined
  /** Monotonic milliseconds. */
  readonly at: number
}

type Mishap = (call: Call) => Fault | undefined

/** A client with taps on its wires: it counts what goes through, and can break it, as a network would. */
export class TappedClient implements KubeClient {
  readonly calls: Call[] = []
  readonly #client: KubeClient
  #mishap: Mishap = () => undefined
  readonly #watches = new Set<{ readonly end: AbortController; broke: Fault | undefined }>()
  #held: (() => void)[] | null = null

  constructor(client: KubeClient) {
    this.#client = client
  }

  count(...verbs: Call['verb'][]): number {
    return this.calls.filter(({ verb }) => verbs.includes(verb)).length
  }

  /** How often the API server was asked to change something. */
  get writes(): number {
    return this.count('create', 'replace', 'patch', 'apply', 'delete')
  }

  /** From now on each request for which this gives a fault fails with it, without being sent. */
  breakWith(mishap: Mishap): void {
    this.#mishap = mishap
  }

  /** Ends all watches: cleanly, or with this fault. */
  endWatches(broke?: Fault): void {
    for (const watch of this.#watches) {
      watch.broke = broke
      watch.end.abort()
    }
  }

  /** Events of watches wait until the function that is given is called. */
  holdEvents(): () => void {
    const held: (() => void)[] = (this.#held = [])
    return () => {
      this.#held = null
      for (const pass of held) pass()
    }
  }

  get: KubeClient['get'] = (...args) => this.#pass('get', args[0], args[1], () => this.#client.get(...args))
  list: KubeClient['list'] = (...args) => this.#pass('list', args[0], undefined, () => this.#client.list(...args))
  create: KubeClient['create'] = (...args) =>
    this.#pass('create', args[0], args[1].metadata, () => this.#client.create(...args))
  replace: KubeClient['replace'] = (...args) =>
    this.#pass('replace', args[0], args[1].metadata, () => this.#client.replace(...args))
  patch: KubeClient['patch'] = (...args) => this.#pass('patch', args[0], args[1], () => this.#client.patch(...args))
  apply: KubeClient['apply'] = (...args) =>
    this.#pass('apply', args[0], args[1].metadata, () => this.#client.apply(...args))
  delete: KubeClient['delete'] = (...args) => this.#pass('delete', args[0], args[1], () => this.#client.delete(...args))
  close = (): void => this.#client.close()

  watch: KubeClient['watch'] = async (resource, options, on, signal) => {
    const watch = { end: new AbortController(), broke: undefined as Fault | undefined }
    await this.#pass('watch', resource, undefined, async () => {
      this.#watches.add(watch)
      const tapped = (event: WatchEvent): void => {
        if (this.#held === null) return on(event)
        this.#held.push(() => on(event))
      }
      try {
        await this.#client.watch(resource, options, tapped, AbortSignal.any([signal, watch.end.signal]))
      } catch (error) {
        if (signal.aborted || !watch.end.signal.aborted) throw error
      } finally {
        this.#watches.delete(watch)
      }
      if (watch.broke !== undefined) throw watch.broke
    })
  }

  async #pass<T>(
    verb: Call['verb'],
    { kind }: Resource,
    name: Partial<ObjectName> | undefined,
    go: () => Promise<T>,
  ): Promise<T> {
    const call = { verb, kind, name: name?.name, at: performance.now() }
    this.calls.push(call)
    const fault = this.#mishap(call)
    if (fault !== undefined) throw fault
    return go()
  }
}

/** `client`, with other verbs in place of some of its own. */
export function patchedClient(client: KubeClient, verbs: Partial<KubeClient>): KubeClient {
  return {
    get: (...args) => client.get(...args),
    list: (...args) => client.list(...args),
    watch: (...args) => client.watch(...args),
    create: (...args) => client.create(...args),
    replace: (...args) => client.replace(...args),
    patch: (...args) => client.patch(...args),
    apply: (...args) => client.apply(...args),
    delete: (...args) => client.delete(...args),
    close: () => client.close(),
    ...verbs,
  }
}
