import { isDeepStrictEqual } from 'node:util'
import type { ObjectName } from '../kube/client.ts'
import { keyOf } from '../kube/store.ts'
import type { CompiledBroker } from './broker/compile.ts'
import type { Verdict } from './verdict.ts'

/** What Triggers need to know of their Broker. */
export interface BoardEntry {
  /** Null: it cannot be understood. */
  readonly compiled: CompiledBroker | null
  readonly verdict: Pick<Verdict, 'ready' | 'reason' | 'message'>
  /** Whether its topic is there. */
  readonly topicUsable: boolean
  /** Of its topic, as last seen. */
  readonly partitions: number | undefined
}

/** Where the reconciler of Brokers tells that of Triggers what came of each Broker, so that it is worked out once and not for each Trigger. */
export class BrokerBoard {
  readonly #entries = new Map<string, BoardEntry>()
  readonly #changed: (broker: ObjectName) => void

  constructor(changed: (broker: ObjectName) => void) {
    this.#changed = changed
  }

  get(broker: ObjectName): BoardEntry | undefined {
    return this.#entries.get(keyOf(broker))
  }

  /** Undefined: it is gone, or going. Told only when something changed. */
  set(broker: ObjectName, entry: BoardEntry | undefined): void {
    const id = keyOf(broker)
    const before = this.#entries.get(id)
    if (entry === undefined) this.#entries.delete(id)
    else this.#entries.set(id, entry)
    if (!isDeepStrictEqual(before, entry)) this.#changed(broker)
  }
}
