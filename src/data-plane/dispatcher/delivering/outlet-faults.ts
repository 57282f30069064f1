import type { OutletFaultReason, OutletReport } from '../../../contract/route-source.ts'

/** The gravest first: the one that is reported when there are several. */
export const faultOrder: readonly OutletFaultReason[] = [
  'TopicNotFound',
  'GroupInUse',
  'CredentialNotFound',
  'AuthenticationFailed',
  'TlsFailed',
  'NotAuthorized',
  'LogUnavailable',
  'LoopDetected',
  'DeliveryFailed',
  'EventsExpired',
  'PositionsExpire',
]

/** What became of events that nobody took is told as a fault for this long after the last of them. */
const TOLD_MS = 600_000

/** The Outlet itself: there are ten thousand of them, so that functions made for each would count. */
export interface FaultsHost {
  /** Something goes wrong in another way than before. */
  faultLine(reason: OutletFaultReason, message: string): void
  /** What is wrong has changed. */
  report(): void
}

/** What is wrong with one Outlet, by who says so: one source may be well again while another is not. */
export class OutletFaults {
  readonly #host: FaultsHost
  /** Null before the first: there are ten thousand of us. */
  #faults: Map<string, { reason: OutletFaultReason; message: string }> | null = null
  /** By source: when what is told is over. */
  #telling: Map<string, NodeJS.Timeout> | null = null

  constructor(host: FaultsHost) {
    this.#host = host
  }

  /** The fault that counts most. */
  get worst(): OutletReport['fault'] {
    let worst: OutletReport['fault'] = null
    for (const fault of this.#faults?.values() ?? []) {
      if (worst === null || faultOrder.indexOf(fault.reason) < faultOrder.indexOf(worst.reason)) worst = fault
    }
    return worst
  }

  set(source: string, reason: OutletFaultReason, message: string): void {
    const known = this.#faults?.get(source)
    if (known?.reason === reason && known.message === message) return
    if (known?.reason !== reason) this.#host.faultLine(reason, message)
    this.#faults ??= new Map()
    this.#faults.set(source, { reason, message })
    this.#host.report()
  }

  /** A fault that is over when it did not happen again for a while. */
  tell(source: string, reason: OutletFaultReason, message: string): void {
    this.set(source, reason, message)
    this.#telling ??= new Map()
    clearTimeout(this.#telling.get(source))
    this.#telling.set(source, setTimeout(() => this.clear(source), TOLD_MS).unref())
  }

  clear(source: string): void {
    if (this.#faults?.delete(source) === true) this.#host.report()
  }

  /** As `clear`, of several, for who reports anyway. */
  forget(...sources: readonly string[]): void {
    for (const source of sources) this.#faults?.delete(source)
  }

  close(): void {
    for (const timer of this.#telling?.values() ?? []) clearTimeout(timer)
  }
}
