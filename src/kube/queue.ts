import { longestTimerMs } from '../core/backoff.ts'
import type { Clock } from '../core/clock.ts'
import type { ObjectName } from './client.ts'
import { keyOf } from './store.ts'

interface QueueOptions {
  /** How many keys are worked on at once. */
  readonly concurrency: number
  readonly clock: Clock
  /** Works on a key. Must not throw. */
  readonly run: (key: ObjectName) => Promise<void>
  /** Told how long a key that begins had to wait since it was due, milliseconds. */
  readonly began?: ((ms: number) => void) | undefined
}

/**
 *     add ──► due (once each, first come first served) ──► running (a key never twice at once) ──► done
 *      │       ▲                                              │ added meanwhile: due again
 *      └► later┘ (one moment a key: the earliest asked for)   ▼
 *
 * Nothing runs before `start`.
 */
export class KeyQueue {
  readonly #options: QueueOptions
  readonly #due: { readonly key: ObjectName; readonly since: number }[] = []
  readonly #waiting = new Set<string>()
  readonly #running = new Set<string>()
  readonly #later = new Map<string, { readonly at: number; readonly timer: NodeJS.Timeout }>()
  #state: 'held' | 'open' | 'closed' = 'held'
  #drained: (() => void) | undefined

  constructor(options: QueueOptions) {
    this.#options = options
  }

  /** Nothing runs, and nothing is to be run now. Keys that wait for their time do not count. */
  get idle(): boolean {
    return this.#running.size === 0 && this.#waiting.size === 0
  }

  /** How many keys are due and do not run yet. */
  get depth(): number {
    return this.#waiting.size
  }

  start(): void {
    if (this.#state === 'held') this.#state = 'open'
    this.#pump()
  }

  /** Runs the key now, or after `afterMs`; one that is running runs again after. A run that is asked for now leaves a later one as it is. */
  add(key: ObjectName, afterMs = 0): void {
    if (this.#state === 'closed') return
    if (afterMs > 0) return this.#delay(key, afterMs)
    const id = keyOf(key)
    if (this.#waiting.has(id)) return
    this.#waiting.add(id)
    if (this.#running.has(id)) return
    this.#push(key)
    this.#pump()
  }

  /** Runs nothing more; resolves when what runs has ended. */
  async close(): Promise<void> {
    this.#state = 'closed'
    for (const { timer } of this.#later.values()) clearTimeout(timer)
    this.#later.clear()
    this.#waiting.clear()
    this.#due.length = 0
    if (this.#running.size > 0) await new Promise<void>((resolve) => (this.#drained = resolve))
  }

  #push(key: ObjectName): void {
    this.#due.push({ key, since: this.#options.clock.monotonic() })
  }

  #delay(key: ObjectName, afterMs: number): void {
    const id = keyOf(key)
    const at = this.#options.clock.monotonic() + afterMs
    const known = this.#later.get(id)
    if (known !== undefined && known.at <= at) return
    clearTimeout(known?.timer)
    const timer = setTimeout(
      () => {
        this.#later.delete(id)
        this.add(key)
      },
      Math.min(afterMs, longestTimerMs),
    )
    this.#later.set(id, { at, timer })
  }

  #pump(): void {
    while (this.#state === 'open' && this.#running.size < this.#options.concurrency) {
      const due = this.#due.shift()
      if (due === undefined) return
      this.#options.began?.(this.#options.clock.monotonic() - due.since)
      void this.#work(due.key)
    }
  }

  async #work(key: ObjectName): Promise<void> {
    const id = keyOf(key)
    this.#waiting.delete(id)
    this.#running.add(id)
    await this.#options.run(key)
    this.#running.delete(id)
    if (this.#waiting.has(id)) this.#push(key)
    this.#pump()
    if (this.#running.size === 0) this.#drained?.()
  }
}
