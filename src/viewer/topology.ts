/** How an object is: as its condition Ready says. */
export type NodeState = 'ready' | 'waiting' | 'failed' | 'unknown'

/** Which column it stands in: events flow from sources to subscribers. */
export type NodeRole = 'source' | 'broker' | 'trigger' | 'subscriber'

/** Something that events come from, pass or reach. */
export interface TopologyNode {
  readonly id: string
  readonly role: NodeRole
  /** Kubernetes kind as users know it, e.g. Broker, KafkaSource, Deployment, Service. */
  readonly kind: string
  readonly namespace: string
  readonly name: string
  /** In a few words: the address of a Broker, the filter of a Trigger, the URL of a subscriber. */
  readonly detail?: string
  /** Where it takes events, if it does. */
  readonly url?: string
  readonly state: NodeState
  /** Why it is not ready: CamelCase and a sentence. */
  readonly reason?: string
  readonly message?: string
  /** Counts up, so that the difference of two readings is a rate: events accepted (Broker) or delivered (Trigger, subscriber). */
  readonly events?: number
  /** Events a second, where somebody else has measured it: goes before the difference of `events`. */
  readonly rate?: number
  /** Events that wait to be delivered. */
  readonly lag?: number
  /** Deliveries under way. */
  readonly inFlight?: number
  /** Events that could not be delivered and were put aside. */
  readonly parked?: number
  /** Events that its subscriber answered with (Trigger). Counts up. */
  readonly replied?: number
  /** What went wrong with the last delivery that failed. */
  readonly lastError?: string
}

/** What the way of events between two nodes is. */
export type EdgeKind = 'send' | 'subscribe' | 'deliver' | 'reply' | 'deadletter'

export interface TopologyEdge {
  readonly from: string
  readonly to: string
  readonly kind: EdgeKind
  /** Events that went this way, where they are counted for it alone: replies, dead letters. Counts up. */
  readonly events?: number
}

export interface Topology {
  readonly nodes: readonly TopologyNode[]
  readonly edges: readonly TopologyEdge[]
  /** Why it is not whole, or not of now: sentences for people. */
  readonly note?: string
}

/** Port: knows the sources, Brokers, Triggers and subscribers around the viewer. Who has no such knowledge hands in none. */
export interface TopologySource {
  /** As it is now. Cheap: called about once a second and page. Null: not known yet. */
  read(): Topology | null
}
