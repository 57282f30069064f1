import type { Inlet } from '../../contract/inlet.ts'
import type { RouteSet } from '../../contract/route-source.ts'
import { Answers } from '../../telemetry/metrics/distribution.ts'

/** What was counted of one Inlet. */
export class InletTally {
  readonly answers = new Answers()
  readonly refused = new Map<string, number>()
}

/**
 * Counts requests by Inlet, answer and reason. There is one only where someone asks for metrics. What a sender may choose freely, such as the
 * path of a Broker that does not exist, is counted but never kept.
 */
export class Tallies {
  /** By uid. */
  readonly #byInlet = new Map<string, InletTally>()
  /** By reason: requests for no Inlet, or none that is still there. */
  readonly elsewhere = new Map<string, number>()
  readonly #inlets: RouteSet<Inlet>
  readonly #unsubscribe: () => void

  constructor(inlets: RouteSet<Inlet>) {
    this.#inlets = inlets
    this.#unsubscribe = inlets.subscribe((change) => {
      if (change.kind === 'gone') this.#byInlet.delete(change.uid)
    })
  }

  close(): void {
    this.#unsubscribe()
  }

  get(uid: string): InletTally | undefined {
    return this.#byInlet.get(uid)
  }

  /** @param reason code of the problem; null: accepted. @param ms since the head of the request was there. @param events in the request. */
  answered(inlet: Inlet, status: number, reason: string | null, ms: number, events: number): void {
    const tally = this.#of(inlet)
    tally?.answers.answered(status, ms, events)
    if (reason !== null) count(tally?.refused ?? this.elsewhere, reason)
  }

  /** Refused before anything of it was read, or given up by its sender. */
  refused(inlet: Inlet | null, reason: string): void {
    count((inlet === null ? undefined : this.#of(inlet)?.refused) ?? this.elsewhere, reason)
  }

  #of(inlet: Inlet): InletTally | undefined {
    let tally = this.#byInlet.get(inlet.uid)
    // an answer may come after the Inlet went: its series must not come back
    if (tally !== undefined || !this.#inlets.current.has(inlet.uid)) return tally
    tally = new InletTally()
    this.#byInlet.set(inlet.uid, tally)
    return tally
  }
}

function count(reasons: Map<string, number>, reason: string): void {
  reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
}
