import type { Clock } from '../core/clock.ts'
import type { KubeClient, KubeObject, StoredObject } from './client.ts'
import { isRecord } from './equal.ts'
import { isFault } from './faults.ts'
import { kinds } from './kinds.ts'

/** An API server that takes longer for a Lease is not there. */
const longestRequestMs = 2_000

interface RecordOptions {
  readonly client: KubeClient
  readonly namespace: string
  readonly name: string
  readonly identity: string
  readonly clock: Clock
  readonly leaseMs: number
  readonly renewMs: number
  readonly giveUpMs: number
}

/** coordination.k8s.io/v1 LeaseSpec. */
interface LeaseSpec {
  readonly holderIdentity?: string
  readonly leaseDurationSeconds?: number
  readonly acquireTime?: string
  readonly renewTime?: string
  readonly leaseTransitions?: number
}

/**
 * One Lease as one process sees it. Times are told by our own monotonic clock: a holder is taken for gone when we have seen no change of its
 * record for as long as it promised. Each request is bounded, as a connection may be half open: when the first try to renew gets no answer, there
 * is time for another before the lease is given up.
 */
export class LeaseRecord {
  /** Monotonic: begin of the last request that made or kept the lease ours. */
  renewedAt = 0
  readonly #options: RecordOptions
  #seen: { readonly record: string; readonly at: number } | undefined
  /** As we last read or wrote it while it is ours. */
  #own: StoredObject | undefined

  constructor(options: RecordOptions) {
    this.#options = options
  }

  /** Takes it when it is free. Gives how many milliseconds the one who holds it has left: 0 when that is us now. */
  async acquire(signal: AbortSignal): Promise<number> {
    const { client, clock, namespace, name, identity } = this.#options
    const start = clock.monotonic()
    const found = await client.get(kinds.lease, { namespace, name }, this.#limited(signal))
    const spec = specOf(found)
    const leftMs = spec.holderIdentity && spec.holderIdentity !== identity ? this.#left(spec) : 0
    if (leftMs > 0) return leftMs
    try {
      this.#own =
        found === null
          ? await client.create(kinds.lease, this.#lease({}, 0), this.#limited(signal))
          : await client.replace(
              kinds.lease,
              this.#lease(found, (spec.leaseTransitions ?? 0) + 1),
              this.#limited(signal),
            )
      this.renewedAt = start
      return 0
    } catch (error) {
      if (!isFault(error, 'ApiConflict', 'ApiAlreadyExists')) throw error
      return this.#options.leaseMs // another was faster
    }
  }

  /** False when it is another's now, or was deleted, whereupon another may have made it anew. */
  async renew(signal: AbortSignal): Promise<boolean> {
    const { client, clock, namespace, name, identity } = this.#options
    const start = clock.monotonic()
    const current = this.#own ?? (await client.get(kinds.lease, { namespace, name }, this.#limited(signal)))
    const spec = specOf(current)
    if (current === null || spec.holderIdentity !== identity) return false
    // Whatever comes of it, the version that we know may be old then.
    this.#own = undefined
    try {
      const renewed = this.#lease(current, spec.leaseTransitions ?? 0)
      this.#own = await client.replace(kinds.lease, renewed, this.#limited(signal))
    } catch (error) {
      if (isFault(error, 'ApiNotFound')) return false
      throw error
    }
    this.renewedAt = start
    return true
  }

  /** Gives it back. What goes wrong only makes others wait until it has run out. */
  async release(): Promise<void> {
    const { client, namespace, name, identity } = this.#options
    const limited = AbortSignal.timeout(3_000)
    for (let tries = 1; tries <= 3; tries += 1) {
      try {
        const current = await client.get(kinds.lease, { namespace, name }, limited)
        if (current === null || specOf(current).holderIdentity !== identity) return
        const spec = { ...specOf(current), holderIdentity: '', leaseDurationSeconds: 1 }
        await client.replace(kinds.lease, { ...current, spec }, limited)
        return
      } catch (error) {
        // A renewal that was broken off may have arrived in between.
        if (!isFault(error, 'ApiConflict')) return
      }
    }
  }

  /** How long the holder may not be disturbed. */
  #left(spec: LeaseSpec): number {
    const { clock, leaseMs } = this.#options
    const now = clock.monotonic()
    const record = JSON.stringify([spec.holderIdentity, spec.renewTime, spec.leaseTransitions])
    if (this.#seen?.record !== record) this.#seen = { record, at: now }
    const promised = Math.max(leaseMs, (spec.leaseDurationSeconds ?? 0) * 1000)
    return Math.max(0, this.#seen.at + promised - now)
  }

  #lease(base: Partial<StoredObject>, transitions: number): KubeObject {
    const { namespace, name, identity, clock, leaseMs } = this.#options
    // Kubernetes MicroTime.
    const now = new Date(clock.now()).toISOString().replace('Z', '000Z')
    const before = specOf(base)
    const spec: LeaseSpec = {
      ...before,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(leaseMs / 1000),
      acquireTime: before.holderIdentity === identity ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: transitions,
    }
    return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace }, ...base, spec }
  }

  #limited(signal: AbortSignal): AbortSignal {
    const { renewMs, giveUpMs } = this.#options
    const ms = Math.min(longestRequestMs, Math.max(1, (giveUpMs - renewMs) / 2))
    return AbortSignal.any([signal, AbortSignal.timeout(ms)])
  }
}

function specOf(lease: Partial<StoredObject> | null): LeaseSpec {
  const spec = lease?.['spec']
  return isRecord(spec) ? spec : {}
}
