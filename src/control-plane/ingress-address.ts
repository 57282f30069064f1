import { isDeepStrictEqual } from 'node:util'
import type { WorkerState } from './workers/reconciler.ts'

/** Whether the name in the addresses of Brokers leads to our ingress. */
export interface IngressAddress {
  current(): WorkerState
  /** Calls `listener` after each change. Returns the way to stop. */
  subscribe(listener: () => void): () => void
}

/** As whoever looks after the Service says; in order until then, and where nobody does. */
export class KnownAddress implements IngressAddress {
  #state: WorkerState = { kind: 'ok' }
  readonly #listeners = new Set<() => void>()

  current(): WorkerState {
    return this.#state
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  set(state: WorkerState): void {
    if (isDeepStrictEqual(state, this.#state)) return
    this.#state = state
    for (const listener of this.#listeners) listener()
  }
}
