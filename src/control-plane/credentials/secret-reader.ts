import type { Clock } from '../../core/clock.ts'
import type { KubeClient, ObjectName } from '../../kube/client.ts'
import { asFault, isFault } from '../../kube/faults.ts'
import { kinds } from '../../kube/kinds.ts'
import { keyOf } from '../../kube/store.ts'
import type { Logger } from '../../telemetry/logger.ts'

/** A Secret of a user as it was read last. */
export type SecretSeen =
  | {
      readonly kind: 'found'
      /** Another one: it changed, or is another of the same name. */
      readonly version: string
      /** Base64. */
      readonly data: Readonly<Record<string, string>>
      readonly annotations: Readonly<Record<string, string>>
    }
  | { readonly kind: 'absent' }
  | { readonly kind: 'forbidden'; readonly message: string }

export interface SecretReaderOptions {
  readonly client: KubeClient
  readonly clock: Clock
  readonly logger: Logger
  /** Ends it. */
  readonly signal: AbortSignal
  /** Told after each reading of a Secret that somebody holds. */
  readonly looked: (secret: ObjectName) => void
}

/** How often a Secret that is held is read, milliseconds; up to a tenth more, so that thousands do not come at one moment. */
const everyMs = 60_000

interface Held {
  readonly secret: ObjectName
  readonly holders: Set<string>
  seen: SecretSeen | undefined
  /** Monotonic milliseconds. */
  seenAt: number
  reading: Promise<SecretSeen> | undefined
  timer: NodeJS.Timeout | undefined
  dueAt: number
}

/**
 * Reads Secrets of users by `get` and no more: our account may neither list nor watch them. Each is read once a minute, however many hold it, and not at
 * all when nobody does.
 */
export class SecretReader {
  readonly #options: SecretReaderOptions
  readonly #held = new Map<string, Held>()

  constructor(options: SecretReaderOptions) {
    this.#options = options
    const end = (): void => this.#held.forEach(({ timer }) => clearTimeout(timer))
    options.signal.addEventListener('abort', end, { once: true })
  }

  /** From now on it is read again and again. */
  hold(secret: ObjectName, holder: string): void {
    const id = keyOf(secret)
    const held = this.#held.get(id) ?? {
      ...{ secret, holders: new Set<string>(), seen: undefined, seenAt: -Infinity, reading: undefined },
      ...{ timer: undefined, dueAt: Infinity },
    }
    held.holders.add(holder)
    this.#held.set(id, held)
  }

  release(secret: ObjectName, holder: string): void {
    const held = this.#held.get(keyOf(secret))
    if (held === undefined || !held.holders.delete(holder) || held.holders.size > 0) return
    clearTimeout(held.timer)
    this.#held.delete(keyOf(secret))
  }

  /** Of one that is held; undefined: it was not read yet. */
  seen(secret: ObjectName): SecretSeen | undefined {
    return this.#held.get(keyOf(secret))?.seen
  }

  /** Of one that is held: not older than `maxAgeMs`; null: as it is after this question. @throws Fault when the API server does not say. */
  async read(secret: ObjectName, maxAgeMs: number | null): Promise<void> {
    const held = this.#held.get(keyOf(secret))
    if (held === undefined) return
    // What is under way may have been answered before the question.
    if (maxAgeMs === null) await held.reading?.catch(() => undefined)
    else if (this.#options.clock.monotonic() - held.seenAt <= maxAgeMs) return
    await (held.reading ??= this.#read(held))
  }

  /** Reads it within this time, unless it is to be read before. */
  lookWithin(secret: ObjectName, ms: number): void {
    const held = this.#held.get(keyOf(secret))
    const dueAt = this.#options.clock.monotonic() + ms
    if (held === undefined || held.dueAt <= dueAt || this.#options.signal.aborted) return
    clearTimeout(held.timer)
    held.dueAt = dueAt
    held.timer = setTimeout(() => void this.#due(held), ms)
  }

  async #due(held: Held): Promise<void> {
    held.dueAt = Infinity
    try {
      await (held.reading ??= this.#read(held))
    } catch (error) {
      this.#options.logger.debug({ err: error, secret: keyOf(held.secret) }, 'a Secret could not be read; trying again')
    }
  }

  async #read(held: Held): Promise<SecretSeen> {
    const { client, clock, signal, looked } = this.#options
    try {
      const seen = await seenBy(client, held.secret, signal)
      held.seen = seen
      held.seenAt = clock.monotonic()
      if (this.#isHeld(held)) looked(held.secret)
      return seen
    } finally {
      held.reading = undefined
      if (this.#isHeld(held)) this.lookWithin(held.secret, everyMs * (1 + Math.random() / 10))
    }
  }

  #isHeld(held: Held): boolean {
    return this.#held.get(keyOf(held.secret)) === held
  }
}

/** Users write the name, and it becomes part of a path: what `..` or a slash there leads to, nobody shall find out with our rights. */
const nameOfSecret = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/

async function seenBy(client: KubeClient, secret: ObjectName, signal: AbortSignal): Promise<SecretSeen> {
  if (!nameOfSecret.test(secret.name)) return { kind: 'absent' }
  try {
    const found = await client.get(kinds.secret, secret, signal)
    if (found === null) return { kind: 'absent' }
    const { uid, resourceVersion, annotations = {} } = found.metadata
    const data = (found['data'] ?? {}) as Record<string, string>
    return { kind: 'found', version: `${uid} ${resourceVersion}`, data, annotations }
  } catch (error) {
    if (isFault(error, 'ApiForbidden')) return { kind: 'forbidden', message: asFault(error).message }
    throw error
  }
}
