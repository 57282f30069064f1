import { contractGroup, contractVersion } from '../../contract/objects.ts'
import type { WorkerSpec, WorkerStatus } from '../../contract/worker.ts'
import type { Clock } from '../../core/clock.ts'
import { inTime } from '../../core/deadline.ts'
import { Fault } from '../../core/fault.ts'
import type { KubeClient } from '../../kube/client.ts'
import { sameJson } from '../../kube/equal.ts'
import { asFault } from '../../kube/faults.ts'
import { kinds } from '../../kube/kinds.ts'
import { pause } from '../../kube/pause.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { callSignal, waitMs, warnAtFailure } from './api-calls.ts'

export interface WorkerObjectParts {
  readonly client: KubeClient
  readonly namespace: string
  /** The pod's name. */
  readonly name: string
  /** Of the pod, which owns the object; absent where there is none. */
  readonly podUid?: string | undefined
  readonly role: WorkerSpec['role']
  /** What there is to say now. */
  status(): WorkerStatus
  readonly clock: Clock
  readonly logger: Logger
}

/** `seen` moves with every change of a route: it is written at most this often. Milliseconds. */
const seenMs = 1_000
/** A rebalance comes in several pieces. */
const ownsMs = 50
/** It is looked after this often: someone may have deleted it. Sooner than the controller takes a partition for nobody's. Milliseconds. */
const lookMs = 5_000

/**
 * Says of this process what WorkerStatus holds, in a Worker object that goes with the pod. Writes only what differs from what it wrote last;
 * while the API server is away it tries again, with what is true then.
 *
 *     moved ─► due? ─► differs from what is written? ─► there? ─► patch status
 *                        └─ no: someone deleted it? ─────►└─ create, owned by the pod
 */
export class WorkerObject {
  readonly #parts: WorkerObjectParts
  readonly #stop = new AbortController()
  readonly #running: Promise<void>
  #exists = false
  #written: WorkerStatus | null = null
  #writtenAt = -Infinity
  /** Monotonic milliseconds; Infinity: nothing to write. */
  #dueAt = Infinity
  /** When it is looked after. Monotonic milliseconds. */
  #lookAt = Infinity
  #wake = (): void => {}

  constructor(parts: WorkerObjectParts) {
    this.#parts = parts
    this.#running = this.#run()
  }

  /** What this process has seen may have moved. */
  seenMoved(): void {
    this.#due(Math.max(this.#parts.clock.monotonic() + ownsMs, this.#writtenAt + seenMs))
  }

  /** The partitions that it owns have changed. */
  ownsChanged(): void {
    this.#due(this.#parts.clock.monotonic() + ownsMs)
  }

  /** Writes no more, and removes the object: nobody shall wait for what this process does. At the latest after `deadlineMs`. */
  async close(deadlineMs: number): Promise<void> {
    this.#stop.abort()
    this.#wake()
    await this.#running
    if (!this.#exists) return
    const { client } = this.#parts
    // where that fails it goes with the pod
    await inTime(client.delete(kinds.worker, this.#key, AbortSignal.timeout(deadlineMs)), { ms: deadlineMs }).catch(
      () => undefined,
    )
  }

  get #key(): { namespace: string; name: string } {
    return { namespace: this.#parts.namespace, name: this.#parts.name }
  }

  #due(at: number): void {
    this.#dueAt = Math.min(this.#dueAt, at)
    this.#wake()
  }

  async #run(): Promise<void> {
    const { clock } = this.#parts
    for (let failures = 0; !this.#stop.signal.aborted;) {
      const wait = Math.min(this.#dueAt, this.#lookAt) - clock.monotonic()
      if (wait > 0) {
        await this.#sleep(wait)
        continue
      }
      const changed = this.#dueAt <= clock.monotonic()
      // what is due in a moment stays due
      if (changed) this.#dueAt = Infinity
      const error = await this.#write(changed)
      failures = error === null ? this.#recovered(failures) : failures + 1
      if (error === null || this.#stop.signal.aborted) continue
      this.#dueAt = 0
      if (failures === warnAtFailure) {
        this.#parts.logger.warn({ err: error, worker: this.#parts.name }, 'cannot say what this worker does; trying on')
      }
      await pause(waitMs(error, failures), this.#stop.signal)
    }
  }

  #recovered(failures: number): number {
    if (failures >= warnAtFailure) this.#parts.logger.info({ worker: this.#parts.name }, 'this worker is shown again')
    return 0
  }

  /** Until something is due, or may be. */
  async #sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    await inTime(promise, { ...(ms === Infinity ? {} : { ms }), signal: this.#stop.signal })
    this.#wake = () => {}
  }

  /**
   * @param changed false: it is only looked whether the object is still there. What has been seen moves on by itself, with each bookmark of
   * the API server, and a system at rest writes nothing. @returns what went wrong.
   */
  async #write(changed: boolean): Promise<Fault | null> {
    const status = this.#parts.status()
    const known = !changed || sameJson(status, this.#written)
    if (this.#exists && known && !(await this.#wasDeleted())) return null
    const signal = callSignal(this.#stop.signal)
    try {
      if (!this.#exists) await this.#create(signal)
      // all of it is ours: what is not in it goes
      const body = [{ op: 'add', path: '/status', value: status }]
      const patch = { kind: 'json', body } as const
      await this.#parts.client.patch(kinds.worker, this.#key, patch, signal, { subresource: 'status' })
      this.#written = status
      this.#writtenAt = this.#parts.clock.monotonic()
      this.#lookAt = this.#writtenAt + lookMs
      return null
    } catch (error) {
      // someone deleted it: it is made anew
      if (error instanceof Fault && error.code === 'ApiNotFound') this.#exists = false
      return asFault(error)
    }
  }

  /** Asks now and then only; while the API server is away there is nothing to know. */
  async #wasDeleted(): Promise<boolean> {
    const { client, clock } = this.#parts
    if (clock.monotonic() < this.#lookAt) return false
    this.#lookAt = clock.monotonic() + lookMs
    try {
      this.#exists = (await client.get(kinds.worker, this.#key, callSignal(this.#stop.signal))) !== null
    } catch {
      return false
    }
    return !this.#exists
  }

  async #create(signal: AbortSignal): Promise<void> {
    const { client, name, podUid, role } = this.#parts
    const pod = { apiVersion: 'v1', kind: 'Pod', name, uid: podUid ?? '' }
    const labels = { 'app.kubernetes.io/name': 'millrace', 'app.kubernetes.io/component': role }
    const owned = podUid === undefined ? {} : { ownerReferences: [pod] }
    const metadata = { ...this.#key, labels, ...owned }
    const apiVersion = `${contractGroup}/${contractVersion}`
    try {
      await client.create(kinds.worker, { apiVersion, kind: 'Worker', metadata, spec: { role } }, signal)
    } catch (error) {
      if (!(error instanceof Fault && error.code === 'ApiAlreadyExists')) throw error
      await this.#takeOver(signal)
    }
    this.#exists = true
    this.#written = null
  }

  /** One of our pod is from before a restart of the container; one of an earlier pod of this name would be collected with that. */
  async #takeOver(signal: AbortSignal): Promise<void> {
    const { client, podUid } = this.#parts
    const found = await client.get(kinds.worker, this.#key, signal)
    if (found === null || found.metadata.ownerReferences?.[0]?.uid === podUid) return
    await client.delete(kinds.worker, this.#key, signal, { uid: found.metadata.uid })
    throw new Fault('ApiConflict', `Worker ${this.#parts.name} is of an earlier pod: it is removed first`)
  }
}
