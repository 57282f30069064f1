import { Fault } from '../../core/fault.ts'
import type { LogAdmin } from '../../kafka/log.ts'

/** The administration retries for longer than an operator should wait for a word. */
const PATIENCE_MS = 4000

/** Far above what a topic has. A fleet that shares out millions, because some Kafka says so, would serve nobody else. */
const MOST_PARTITIONS = 10_000

export interface TopicsHost {
  readonly admin: LogAdmin
  readonly intervalMs: number
  readonly retryMs: number
  /** The topics that Outlets read. */
  wanted(): readonly string[]
  /** Partition counts of the wanted topics; those that are not there are missing. */
  known(counts: ReadonlyMap<string, number>, asked: readonly string[]): void
  failed(error: unknown, asked: readonly string[]): void
}

/** Knows how many partitions each topic has: asked for when a topic is new, every 30 s, and sooner while one is missing. */
export class Topics {
  readonly counts = new Map<string, number>()
  /** Kafka's id of each of them. */
  readonly ids = new Map<string, string>()
  readonly #host: TopicsHost
  readonly #stop = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #asking = false
  #again = false
  #wait: number

  constructor(host: TopicsHost) {
    this.#host = host
    this.#wait = host.retryMs
  }

  /** A topic may be new. */
  look(): void {
    this.#wait = this.#host.retryMs
    if (this.#asking) this.#again = true
    else this.#schedule(0)
  }

  close(): void {
    this.#stop.abort()
    clearTimeout(this.#timer)
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer)
    if (!this.#stop.signal.aborted) this.#timer = setTimeout(() => void this.#ask(), ms)
  }

  async #ask(): Promise<void> {
    const asked = this.#host.wanted()
    this.#asking = true
    this.#again = false
    if (asked.length === 0) this.#none()
    const complete = asked.length === 0 || (await this.#describe(asked))
    this.#asking = false
    this.#wait = complete ? this.#host.retryMs : Math.min(this.#wait * 2, this.#host.intervalMs)
    this.#schedule(this.#again ? 0 : complete ? this.#host.intervalMs : this.#wait)
  }

  /** The last Outlet has gone: its partitions are shared out no more. Before the first came, that is nobody's business. */
  #none(): void {
    if (this.counts.size === 0) return
    this.counts.clear()
    this.ids.clear()
    this.#host.known(this.counts, [])
  }

  /** @returns whether all of them are there. */
  async #describe(asked: readonly string[]): Promise<boolean> {
    const patience = AbortSignal.timeout(PATIENCE_MS)
    try {
      const signal = AbortSignal.any([this.#stop.signal, patience])
      const found = await this.#host.admin.describeTopics(asked, signal)
      if (this.#stop.signal.aborted) return true
      this.counts.clear()
      this.ids.clear()
      const unfit = found.filter(({ partitions }) => partitions > MOST_PARTITIONS)
      for (const { name, id, partitions } of found) {
        if (partitions > MOST_PARTITIONS) continue
        this.counts.set(name, partitions)
        this.ids.set(name, id)
      }
      this.#host.known(this.counts, asked)
      for (const { name, partitions } of unfit) this.#host.failed(tooMany(name, partitions), [name])
      return found.length === asked.length
    } catch (error) {
      const silence = `The log did not answer for ${PATIENCE_MS / 1000} s: trying again until it does.`
      const told = patience.aborted ? new Fault('LogUnavailable', silence, { cause: error }) : error
      if (!this.#stop.signal.aborted) this.#host.failed(told, asked)
      return false
    }
  }
}

function tooMany(topic: string, partitions: number): Fault {
  const bound = `Millrace reads topics of up to ${MOST_PARTITIONS}`
  return new Fault('LogRefused', `Topic ${topic} has ${partitions} partitions, as its Kafka says; ${bound}.`)
}
