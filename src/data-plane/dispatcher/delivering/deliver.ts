import type { Clock } from '../../../core/clock.ts'
import type { CloudEvent } from '../../../event/cloud-event.ts'
import { writeHeaders, writeTrace } from '../../wire/http-out.ts'
import { writeStructured } from '../../wire/structured-out.ts'
import type { Budget } from '../reading/budget.ts'
import { failedEvent, failureOf, parkedRecord, type Failure } from './failure.ts'
import type { DispatcherOptions } from '../options.ts'
import type { JsonBodies } from './json-bodies.ts'
import { whyNoAnswer } from './no-answer.ts'
import type { Parking } from './parking.ts'
import type { Endpoint, Prepared } from './prepared.ts'
import type { Replies } from './replies.ts'
import type { Entry } from '../reading/segment.ts'
import type { Answer, Exchange, Receiver } from './send.ts'
import type { Keyed } from '../reading/key-order.ts'
import type { Linked } from '../reading/tracker.ts'
import { judge, waitBefore, type Verdict } from './verdict.ts'

/** What deliveries of all Outlets share. */
export interface Services {
  readonly options: DispatcherOptions
  readonly clock: Clock
  readonly budget: Budget
  readonly replies: Replies
  readonly jsonBodies: JsonBodies
  readonly parking: Parking
  /** False: this process may have lost its partitions. Nothing may be sent. */
  mayAct(): boolean
}

/** The Outlet, as its deliveries see it. `prepared` is replaced when the Outlet changes: read it at each step. */
export interface Consumer {
  readonly prepared: Prepared
  readonly services: Services
  /** How many deliveries may be in flight per partition now. */
  readonly window: number
  /** How many may be pending per partition now: in flight, or held back by one of their key that is. */
  readonly room: number
  delivered(): void
  parked(topic: string, failure: Failure): void
  /** Nobody took it, and it was not to be parked: it is gone. */
  dropped(failure: Failure): void
  /** A reply has made its last round and was not stored; what it answered goes where failed events go. */
  looped(): void
  /** An event could not even be parked: it waits. */
  unparked(error: unknown): void
}

/** Who tracks a delivery. Exactly one of these comes, never before `start` has returned, and never after `abort`. */
export interface DeliveryOwner {
  /** Delivered, dead-lettered, parked, or dropped where that is wanted. */
  settled(delivery: Delivery): void
  /** After `lastChance`: it failed and stays pending. */
  abandoned(delivery: Delivery): void
}

const GATE_MS = 100

/**
 * The way of one event to one Outlet.
 *
 *     subscriber ──2xx──► reply? append it ──► settled
 *       │  ▲ retriable: wait, again              ▲
 *       ▼                                        │
 *     dead letter sink (same policy) ──2xx───────┤
 *       │ none, or failed                        │
 *       ▼                                        │
 *     parking topic (again and again) ───────────┤
 *     or dropped, where that is wanted ──────────┘
 *
 * Callbacks instead of promises: this is the hot path, and a retry that waits shall hold one event and one timer.
 */
export class Delivery implements Linked<Delivery>, Keyed<Delivery>, Receiver {
  before: Delivery | null = null
  after: Delivery | null = null
  key: string | null = null
  earlier: Delivery | null = null
  later: Delivery | null = null
  held = false
  readonly offset: number
  readonly entry: Entry
  readonly #consumer: Consumer
  readonly #owner: DeliveryOwner
  #phase: 'subscriber' | 'deadLetter' | 'parking' = 'subscriber'
  #state: 'busy' | 'waiting' | 'ended' = 'waiting'
  #final = false
  /** Tries of this phase that failed. */
  #failures = 0
  #failure: Failure | null = null
  #exchange: Exchange | null = null
  /** What was written for the exchange under way, beside the event that is held anyway. */
  #bodyBytes = 0
  #timer: NodeJS.Timeout | undefined

  constructor(entry: Entry, consumer: Consumer, owner: DeliveryOwner) {
    this.entry = entry
    this.offset = entry.offset
    this.#consumer = consumer
    this.#owner = owner
  }

  start(): void {
    if (this.entry.event !== null) return this.#go()
    this.#phase = 'parking'
    const { outlet, subscriber } = this.#consumer.prepared
    const reason = `the record is no CloudEvent: ${this.entry.problem}`
    this.#failure = failureOf(outlet.source, subscriber.url, reason, null)
    this.#go()
  }

  /** Ends without a word to anybody; what is under way is cut. */
  abort(): void {
    this.#state = 'ended'
    clearTimeout(this.#timer)
    this.#exchange?.cancel()
    this.#exchangeOver()
  }

  /** No further try. @returns whether something is under way whose end is worth waiting for (`settled` or `abandoned` follows). */
  lastChance(): boolean {
    if (this.#state === 'busy' && this.#exchange?.begun !== false) {
      this.#final = true
      return true
    }
    this.abort()
    return false
  }

  answered(answer: Answer): void {
    this.#exchangeOver()
    const verdict = judge(answer, this.#consumer.prepared.outlet.strictReplies === true)
    if (verdict.kind === 'delivered') this.#settle()
    else if (verdict.kind === 'failed') this.#failed(verdict.retriable, verdict.reason, answer)
    else this.#replied(verdict)
  }

  failed(error: Error): void {
    this.#exchangeOver()
    this.#failed(true, whyNoAnswer(error), null)
  }

  #exchangeOver(): void {
    this.#exchange = null
    if (this.#bodyBytes === 0) return
    this.#consumer.services.budget.giveInFlight(this.#bodyBytes)
    this.#bodyBytes = 0
  }

  #replied({ events }: Verdict & { kind: 'replied' }): void {
    const { event } = this.entry
    const topic = this.#consumer.prepared.outlet.replyTopic
    if (topic === undefined || event === null) return this.#settle()
    const stored = this.#consumer.services.replies.store(events, event, topic)
    if (stored === null) {
      this.#consumer.looped()
      const reason = 'its reply would go round once too often (knativebrokerttl)'
      return this.#failed(false, reason, null, `kafka:${topic}`)
    }
    stored.then(
      () => this.#settle(),
      (error: unknown) => this.#replyFailed(topic, error),
    )
  }

  /** One step of the phase, now; or later, while this process may not act. */
  #go(): void {
    if (!this.#consumer.services.mayAct()) return this.#wait(GATE_MS)
    this.#state = 'busy'
    const { prepared } = this.#consumer
    if (this.#phase === 'subscriber') return this.#post(prepared.subscriber, prepared, null)
    if (this.#phase === 'deadLetter' && prepared.deadLetter !== null) {
      return this.#post(prepared.deadLetter, prepared, this.#failure)
    }
    this.#park()
  }

  #post(to: Endpoint, prepared: Prepared, failure: Failure | null): void {
    const { at, offset } = this.entry
    const event = failure === null ? this.entry.event : this.#deadLetter(failure)
    if (event === null) return
    const added = ['knativekafkapartition', String(at.partition), 'knativekafkaoffset', String(offset)]
    const { timeoutMs } = prepared.policy
    if (prepared.json) return this.#postJson(to, prepared, event, added)
    const headers = writeHeaders(event, added, prepared.headers.slice())
    this.#exchange = to.lane.post({ path: to.path, headers, body: event.data, timeoutMs }, this)
  }

  #deadLetter({ attributes }: Failure): CloudEvent | null {
    const { event } = this.entry
    return event === null ? null : failedEvent(event, attributes)
  }

  #postJson(to: Endpoint, prepared: Prepared, event: CloudEvent, added: readonly string[]): void {
    const { budget, jsonBodies } = this.#consumer.services
    const body = event === this.entry.event ? jsonBodies.body(this.entry, added) : writeStructured(event, added)
    const headers = writeTrace(event, prepared.headers.slice())
    this.#bodyBytes = body?.length ?? 0
    budget.takeInFlight(this.#bodyBytes)
    this.#exchange = to.lane.post({ path: to.path, headers, body, timeoutMs: prepared.policy.timeoutMs }, this)
  }

  #replyFailed(topic: string, error: unknown): void {
    const retriable = !(error instanceof Error && 'retriable' in error && error.retriable === false)
    this.#failed(
      retriable,
      `its reply could not be stored in topic ${topic}: ${message(error)}`,
      null,
      `kafka:${topic}`,
    )
  }

  #failed(retriable: boolean, reason: string, answer: Answer | null, destination?: string): void {
    if (this.#state === 'ended') return
    if (this.#final) return this.#abandon()
    const { policy, outlet, subscriber, deadLetter } = this.#consumer.prepared
    this.#failures++
    if (retriable && this.#failures <= policy.retry) {
      return this.#wait(waitBefore(policy, this.#failures, answer, this.#consumer.services.clock.now()))
    }
    if (this.#phase === 'subscriber') {
      this.#failure = failureOf(outlet.source, destination ?? subscriber.url, reason, answer)
      this.#phase = deadLetter === null ? 'parking' : 'deadLetter'
    } else this.#phase = 'parking'
    this.#failures = 0
    this.#go()
  }

  #park(): void {
    const failure = this.#failure
    if (failure === null) return
    this.#phase = 'parking'
    const { parking: place, onExhausted } = this.#consumer.prepared.outlet
    if (onExhausted === 'drop') return queueMicrotask(() => this.#drop(failure))
    const record = parkedRecord(this.entry, failure, place.topic)
    const smaller = () => parkedRecord(this.entry, failure, place.topic, true)
    this.#consumer.services.parking.park(place, this.entry.at.topic, record, smaller).then(
      () => {
        if (this.#state !== 'ended') this.#consumer.parked(place.topic, failure)
        this.#settle()
      },
      (error: unknown) => this.#parkFailed(error),
    )
  }

  #drop(failure: Failure): void {
    if (this.#state !== 'ended') this.#consumer.dropped(failure)
    this.#settle()
  }

  #parkFailed(error: unknown): void {
    if (this.#state === 'ended') return
    this.#consumer.unparked(error)
    if (this.#final) return this.#abandon()
    const { retryMs, parkRetryMaxMs } = this.#consumer.services.options
    this.#wait(Math.min(retryMs * 2 ** Math.min(this.#failures++, 20), parkRetryMaxMs))
  }

  #wait(ms: number): void {
    this.#state = 'waiting'
    this.#timer = setTimeout(again, ms, this)
  }

  /** The wait is over. */
  again(): void {
    if (this.#state === 'waiting') this.#go()
  }

  #settle(): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    if (this.#phase !== 'parking') this.#consumer.delivered()
    this.#owner.settled(this)
  }

  #abandon(): void {
    this.#state = 'ended'
    this.#owner.abandoned(this)
  }
}

function again(delivery: Delivery): void {
  delivery.again()
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
