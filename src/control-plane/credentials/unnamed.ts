import type { Clock } from '../../core/clock.ts'
import type { Store } from '../../kube/store.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { StoredCredentials } from './stored.ts'

export interface UnnamedOptions {
  readonly stored: StoredCredentials
  readonly store: Pick<Store, 'synced'>
  /** Names of credentials that are in use; null: that is not known yet. */
  readonly inUse: () => ReadonlySet<string> | null
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** How often it is looked, and how long nobody may name one before it goes, milliseconds: workers may still be at work with it. */
const lookMs = 30_000
const graceMs = 60_000

/** Removes credentials that nobody names any more: a password lies nowhere for longer than it is used. */
export class Unnamed {
  readonly #options: UnnamedOptions
  /** Since when, by name; monotonic milliseconds. */
  readonly #since = new Map<string, number>()

  constructor(options: UnnamedOptions) {
    this.#options = options
  }

  start(): void {
    const { signal, logger } = this.#options
    const look = (): void =>
      void this.look().catch((error: unknown) =>
        logger.warn({ err: error }, 'credentials that nobody uses could not be removed yet'),
      )
    const timer = setInterval(look, lookMs)
    signal.addEventListener('abort', () => clearInterval(timer), { once: true })
  }

  /** @throws what the API server says. */
  async look(): Promise<void> {
    const { stored, store, inUse, clock, logger, signal } = this.#options
    const names = inUse()
    if (names === null || !store.synced) return
    const now = clock.monotonic()
    for (const secret of stored.all()) {
      const { name } = secret.metadata
      const since = this.#since.get(name) ?? now
      if (names.has(name)) this.#since.delete(name)
      else this.#since.set(name, since)
      if (names.has(name) || now - since < graceMs) continue
      await stored.remove(secret, signal)
      this.#since.delete(name)
      logger.info({ credential: name }, 'removed: nobody uses it')
    }
  }
}
