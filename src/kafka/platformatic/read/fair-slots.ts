/**
 * Bounds what is in flight: so many overall, and fewer at one broker, so that a broker that hangs cannot take all. Who waits longest goes
 * first among those whose broker has room: with one request at a time a caller, that is round robin over callers.
 */
export class FairSlots {
  readonly #total: number
  readonly #perBroker: number
  readonly #busy = new Map<number, number>()
  readonly #waiting: { readonly nodeId: number; readonly start: () => void }[] = []
  #inFlight = 0

  constructor(total: number, perBroker: number) {
    this.#total = total
    this.#perBroker = perBroker
  }

  async run<T>(nodeId: number, work: () => Promise<T>): Promise<T> {
    if (!this.#hasRoom(nodeId)) await new Promise<void>((start) => this.#waiting.push({ nodeId, start }))
    else this.#take(nodeId)
    try {
      return await work()
    } finally {
      this.#give(nodeId)
    }
  }

  #hasRoom(nodeId: number): boolean {
    return this.#inFlight < this.#total && (this.#busy.get(nodeId) ?? 0) < this.#perBroker
  }

  #take(nodeId: number): void {
    this.#inFlight++
    this.#busy.set(nodeId, (this.#busy.get(nodeId) ?? 0) + 1)
  }

  /** A freed slot goes over before anybody new can take it. */
  #give(nodeId: number): void {
    this.#inFlight--
    this.#busy.set(nodeId, (this.#busy.get(nodeId) ?? 1) - 1)
    const next = this.#waiting.findIndex((one) => this.#hasRoom(one.nodeId))
    if (next === -1) return
    const [first] = this.#waiting.splice(next, 1)
    if (first === undefined) return
    this.#take(first.nodeId)
    first.start()
  }
}
