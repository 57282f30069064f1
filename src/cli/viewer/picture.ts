import type { ObjectKey } from '../../api/problem.ts'
import type { Topology, TopologyEdge, TopologyNode } from '../../viewer/topology.ts'

/** The picture of the page while it is drawn. What leads to a Broker's address is drawn to the Broker: draw Brokers first. */
export class Picture implements Topology {
  readonly #nodes = new Map<string, TopologyNode>()
  readonly #edges = new Map<string, TopologyEdge>()
  readonly #brokers = new Map<string, string>()

  get nodes(): readonly TopologyNode[] {
    return [...this.#nodes.values()]
  }

  get edges(): readonly TopologyEdge[] {
    return [...this.#edges.values()]
  }

  toJSON(): Topology {
    return { nodes: this.nodes, edges: this.edges }
  }

  has(id: string): boolean {
    return this.#nodes.has(id)
  }

  node(node: TopologyNode): void {
    this.#nodes.set(node.id, node)
    if (node.role === 'broker' && node.url !== undefined) this.#brokers.set(node.url, node.id)
  }

  /** The same way once more adds to its events. */
  edge(from: string, to: string, kind: TopologyEdge['kind'], events?: number): void {
    const id = `${from} ${kind} ${to}`
    const sum = (this.#edges.get(id)?.events ?? 0) + (events ?? 0)
    this.#edges.set(id, { from, to, kind, ...(events === undefined ? {} : { events: sum }) })
  }

  /**
   * The node that takes events at `url`: a Broker, or a subscriber, which several Triggers may share.
   * @param called what it is called in the manifests, if it is
   * @param more what comes to it on this way: added to what else does
   */
  receiver(url: string, called: ObjectKey | undefined, more: { events?: number; rate?: number | undefined }): string {
    const broker = this.#brokers.get(url)
    if (broker !== undefined) return broker
    const before = this.#nodes.get(url)
    const events = more.events === undefined ? before?.events : (before?.events ?? 0) + more.events
    const rate = more.rate === undefined ? before?.rate : (before?.rate ?? 0) + more.rate
    const counted = { ...(events === undefined ? {} : { events }), ...(rate === undefined ? {} : { rate }) }
    const key = called ?? { kind: before?.kind ?? 'Subscriber', namespace: '', name: before?.name ?? nameIn(url) }
    this.node({ id: url, role: 'subscriber', ...key, detail: url, url, state: 'unknown', ...counted })
    return url
  }
}

/** What nothing names has the name of its address. */
function nameIn(url: string): string {
  if (!URL.canParse(url)) return url
  const { host, pathname } = new URL(url)
  return pathname === '/' ? host : pathname
}
