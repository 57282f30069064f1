import { outletStatusOf, type Outlet, type OutletStatus } from '../../contract/outlet.ts'
import type { OutletReport } from '../../contract/route-source.ts'
import type { Fault } from '../../core/fault.ts'
import type { KubeClient, StoredObject } from '../../kube/client.ts'
import { asFault } from '../../kube/faults.ts'
import { kinds } from '../../kube/kinds.ts'
import { pause } from '../../kube/pause.ts'
import { isAfter } from '../../kube/resource-version.ts'
import type { KubeRoutes } from '../../kube/routes.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { callSignal, waitMs, warnAtFailure } from './api-calls.ts'
import { changesOf, decideStatus, differInWords, type StatusChange } from './outlet-status.ts'
import type { Standing } from './progress-due.ts'
import { Turns } from './turns.ts'

export interface OutletStatusWriterParts {
  readonly client: KubeClient
  readonly namespace: string
  /** The name under which this process tells what it did: that of its pod. */
  readonly instance: string
  readonly routes: Pick<KubeRoutes, 'outlets' | 'objects'>
  /** Whether this process owns the lowest partition of the Outlet's topic. */
  speaksFor(outlet: Outlet): boolean
  /** How far it is, when that is worth a write; undefined: as stored. */
  progressOf?(uid: string): Standing | undefined
  readonly logger: Logger
  /** Ends it; what is not written then is for the next owner to write. */
  readonly signal: AbortSignal
}

/** Writes under way at once. */
const atOnce = 16
/** Where only words or progress change, the whole process writes one status in this time, milliseconds. */
const wordsMs = 1_000

/**
 * Writes the status of those Outlets for which this process speaks: once a generation, and when a fault comes, changes or goes; beside that, in
 * turns, how far they are. Of others it writes its own share alone: a write names the fields that it is about, so nobody undoes what another wrote.
 *
 *     report · lowest partition is ours · someone changed it ──► urgent ─► decide ─► as stored? nothing
 *     progress ──────────────────────────────────────────────────────────────────────► words only? ─► later, one a second
 *                                                                                    else patch; the API server is away: again
 */
export class OutletStatusWriter {
  readonly #parts: OutletStatusWriterParts
  readonly #reports = new Map<string, OutletReport>()
  /** Outlets of which this process has reported a fault. */
  readonly #faulted = new Set<string>()
  readonly #urgent = new Set<string>()
  readonly #later = new Turns()
  /** What was written, until the informer brings it. */
  readonly #written = new Map<string, StoredObject>()
  readonly #unsubscribe: () => void
  readonly #underWay = new Set<string>()
  readonly #running: Promise<unknown>
  #woken = Promise.withResolvers<void>()
  /** Said since the last success. */
  #warned = false

  constructor(parts: OutletStatusWriterParts) {
    this.#parts = parts
    this.#unsubscribe = parts.routes.objects.subscribe((change) => {
      const { name } = change.object.metadata
      if (change.kind === 'gone') this.#forget(name)
      else if (this.#reports.has(name)) this.look(name)
    })
    const pacing = setInterval(() => this.#wordsDue(), wordsMs)
    parts.signal.addEventListener('abort', () => clearInterval(pacing), { once: true })
    this.#running = Promise.all(Array.from({ length: atOnce }, () => this.#lane()))
  }

  /** Takes what the dispatcher reports. */
  report(report: OutletReport): void {
    const { uid, fault, state } = report
    if (state === 'released') return
    this.#reports.set(uid, report)
    if (fault !== null) this.#faulted.add(uid)
    this.look(uid)
  }

  /** Something about this Outlet has changed: who speaks for it, what is said. */
  look(uid: string): void {
    this.#urgent.add(uid)
    this.#wake()
  }

  /** Its progress is worth a write, in its turn. `first`: events got lost to its subscriber, so it goes before those that have figures alone to tell. */
  later(uid: string, first = false): void {
    this.#later.add(uid, first)
  }

  /** What is known to be stored; cheap. Undefined: it does not consume. */
  stored(uid: string): Pick<OutletStatus, 'partitions' | 'progress' | 'shares'> | undefined {
    // what does not look like ours is set right by whoever writes it next
    const status = this.#object(uid)?.['status'] as OutletStatus | undefined
    return status?.state === 'consuming' ? status : undefined
  }

  #wake(): void {
    this.#woken.resolve()
    this.#woken = Promise.withResolvers()
  }

  /** The signal was aborted before. */
  async close(): Promise<void> {
    this.#unsubscribe()
    this.#wake()
    await this.#running
  }

  #forget(uid: string): void {
    this.#reports.delete(uid)
    this.#faulted.delete(uid)
    this.#written.delete(uid)
    this.#urgent.delete(uid)
    this.#later.delete(uid)
  }

  /** One after the other. Several lanes work at once, and none waits for another: a slow answer holds up one Outlet. */
  async #lane(): Promise<void> {
    const { signal } = this.#parts
    for (let failures = 0; !signal.aborted;) {
      const uid = this.#urgent.values().find((one) => !this.#underWay.has(one))
      if (uid === undefined) {
        await this.#woken.promise
        continue
      }
      this.#urgent.delete(uid)
      this.#underWay.add(uid)
      const fault = await this.#write(uid, false)
      this.#underWay.delete(uid)
      failures = fault === null ? 0 : failures + 1
      await this.#after(fault, failures)
    }
  }

  async #after(fault: Fault | null, failures: number): Promise<void> {
    const { signal, logger } = this.#parts
    if (fault === null) {
      this.#warned = false
      return
    }
    if (failures >= warnAtFailure && !this.#warned) {
      this.#warned = true
      logger.warn({ err: fault }, 'status of Outlets not written; trying on')
    }
    await pause(waitMs(fault, failures), signal)
  }

  /** Takes turns among those whose words have changed. */
  #wordsDue(): void {
    const uid = this.#later.next()
    if (uid !== undefined) void this.#write(uid, true)
  }

  /** @returns what went wrong; then it is tried again. */
  async #write(uid: string, words: boolean): Promise<Fault | null> {
    const wanted = this.#wanted(uid)
    if (wanted === null) return null
    const { object, changes, urgent } = wanted
    if (!words && !urgent) {
      // why it does not deliver goes before figures
      this.#later.add(
        uid,
        changes.some(({ path }) => path === '/status/fault'),
      )
      return null
    }
    const { client, namespace, signal } = this.#parts
    // not one that was made anew meanwhile
    const body = [{ op: 'test', path: '/metadata/uid', value: object.metadata.uid }, ...changes]
    try {
      const limit = callSignal(signal)
      const options = { subresource: 'status' } as const
      const key = { namespace, name: uid }
      const written = await client.patch(kinds.outlet, key, { kind: 'json', body }, limit, options)
      if (this.#reports.has(uid)) this.#written.set(uid, written)
      return null
    } catch (error) {
      return this.#failed(uid, error)
    }
  }

  #failed(uid: string, error: unknown): Fault | null {
    if (this.#parts.signal.aborted) return null
    const fault = asFault(error)
    if (!fault.retriable) this.#parts.logger.error({ err: fault, outlet: uid }, 'the status of an Outlet is refused')
    // not found: its deletion is on its way to us
    if (!fault.retriable || fault.code === 'ApiNotFound') return null
    this.#urgent.add(uid)
    return fault
  }

  /** What to write; null: nothing, or it is not for us to write. `urgent`: more than words and figures. */
  #wanted(uid: string): { object: StoredObject; changes: readonly StatusChange[]; urgent: boolean } | null {
    const { routes, instance } = this.#parts
    const [outlet, object] = [routes.outlets.current.get(uid), this.#object(uid)]
    if (outlet === undefined || object === undefined) return null
    const stored = statusOf(object)
    const progress = this.#parts.progressOf?.(uid)
    const status = this.#parts.speaksFor(outlet) ? this.#decided(uid, stored, progress) : null
    const changes = changesOf({ written: object['status'], stored, status, share: progress?.share, instance })
    if (changes.length === 0) return null
    return { object, changes, urgent: status !== null && !differInWords(status, stored) }
  }

  /** Of an Outlet for which we speak. */
  #decided(uid: string, stored: OutletStatus | undefined, progress: Standing | undefined): OutletStatus | null {
    const report = this.#reports.get(uid)
    if (report === undefined) return null
    const recovered = report.fault === null && this.#faulted.has(uid)
    const lag = progress?.lag ?? undefined
    return decideStatus({ report, stored, recovered, ...(lag === undefined ? {} : { progress: { lag } }) })
  }

  /** The newer one of what the informer has and what we wrote. */
  #object(uid: string): StoredObject | undefined {
    const known = this.#parts.routes.objects.get({ namespace: this.#parts.namespace, name: uid })
    const written = this.#written.get(uid)
    if (written === undefined || known === undefined) return known
    if (isAfter(written.metadata.resourceVersion, known.metadata.resourceVersion)) return written
    this.#written.delete(uid)
    return known
  }
}

/** What an Outlet's object says of it; undefined: nothing that this version can read. */
export function statusOf(object: StoredObject | undefined): OutletStatus | undefined {
  return outletStatusOf(object?.['status'])
}
