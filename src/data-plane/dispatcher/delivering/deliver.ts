import { never } from '../../../core/never.ts'
import type { Consumer } from './consumer.ts'
import { failureOf, type Failure } from './failure.ts'
import { messageOf, whyNoAnswer } from './no-answer.ts'
import type { Endpoint, ParkingPlace, Prepared } from './prepared.ts'
import { requestFor } from './request.ts'
import type { Entry } from '../reading/segment.ts'
import type { Answer, Exchange, Receiver } from './send.ts'
import type { Keyed } from '../reading/key-order.ts'
import type { Linked } from '../reading/tracker.ts'
import { noAnswer } from '../../../telemetry/metrics/distribution.ts'
import { judge, waitBefore, type Verdict } from './verdict.ts'

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
 *     or all of it once more, after a wait, for ever
 *
 * While the Outlet is paused nothing is begun: who would be sent waits until it goes on.
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
  #phase: 'subscriber' | 'deadLetter' | 'exhausted' = 'subscriber'
  #state: 'busy' | 'waiting' | 'paused' | 'ended' = 'waiting'
  #final = false
  /** Tries of this phase that failed. */
  #failures = 0
  /** How often nobody took it, where it is to wait until somebody does. */
  #rounds = 0
  #failure: Failure | null = null
  /** Of who was asked last. */
  #lastWords: string | null = null
  #exchange: Exchange | null = null
  /** When it was handed over; 0: nobody asks. */
  #sentAt = 0
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
    this.#phase = 'exhausted'
    const { outlet, subscriber } = this.#consumer.prepared
    const reason = `the record is no CloudEvent: ${this.entry.problem}`
    this.#failure = failureOf(outlet.source, subscriber.url, reason, null)
    this.#go()
  }

  /** Ends without a word to anybody; what is under way is cut. */
  abort(): void {
    this.#end()
    clearTimeout(this.#timer)
    this.#exchange?.cancel()
    this.#exchangeOver()
  }

  /** The Outlet was edited: what is not under way pauses or goes on, and who was blocked shall not wait for the end of its wait. */
  changed(): void {
    const { paused } = this.#consumer.prepared
    if (paused && this.#state === 'busy' && this.#exchange?.begun === false) {
      this.#exchange.cancel()
      this.#exchangeOver()
      this.#state = 'paused'
    } else if (this.#state === 'paused') this.#go()
    else if (this.#state === 'waiting' && this.#rounds > 0) {
      this.#rounds = 1
      clearTimeout(this.#timer)
      this.#go()
    }
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
    this.#count(answer.status)
    const verdict = judge(answer, this.#consumer.prepared.outlet.strictReplies === true)
    if (verdict.kind === 'delivered') this.#settle()
    else if (verdict.kind === 'failed') this.#failed(verdict.retriable, verdict.reason, answer)
    else this.#replied(verdict)
  }

  failed(error: Error): void {
    this.#exchangeOver()
    this.#count(noAnswer)
    this.#failed(true, whyNoAnswer(error), null)
  }

  #count(status: number): void {
    const { tally, services } = this.#consumer
    tally?.answers.answered(status, services.clock.monotonic() - this.#sentAt)
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
    const { prepared } = this.#consumer
    this.#state = prepared.paused ? 'paused' : 'busy'
    if (prepared.paused) return
    if (this.#phase === 'subscriber') return this.#post(prepared.subscriber, prepared, null)
    if (this.#phase === 'deadLetter' && prepared.deadLetter !== null) {
      return this.#post(prepared.deadLetter, prepared, this.#failure)
    }
    this.#exhausted()
  }

  #post(to: Endpoint, prepared: Prepared, failure: Failure | null): void {
    const { tally, services } = this.#consumer
    const post = requestFor(this.entry, to, prepared, failure, services.jsonBodies)
    if (post === null) return
    if (tally !== null) this.#sentAt = services.clock.monotonic()
    if (prepared.json) {
      this.#bodyBytes = post.body?.length ?? 0
      services.budget.takeInFlight(this.#bodyBytes)
    }
    this.#exchange = to.lane.post(post, this)
  }

  #replyFailed(topic: string, error: unknown): void {
    const retriable = !(error instanceof Error && 'retriable' in error && error.retriable === false)
    this.#failed(
      retriable,
      `its reply could not be stored in topic ${topic}: ${messageOf(error)}`,
      null,
      `kafka:${topic}`,
    )
  }

  #failed(retriable: boolean, reason: string, answer: Answer | null, destination?: string): void {
    if (this.#state === 'ended') return
    const { policy, outlet, subscriber, deadLetter } = this.#consumer.prepared
    const at = destination ?? (this.#phase === 'deadLetter' && deadLetter !== null ? deadLetter.url : subscriber.url)
    this.#consumer.tryFailed(at, reason)
    if (this.#final) return this.#abandon()
    this.#failures++
    if (retriable && this.#failures <= policy.retry) {
      if (this.#consumer.tally !== null) this.#consumer.tally.retries++
      return this.#wait(waitBefore(policy, this.#failures, answer, this.#consumer.services.clock.now()))
    }
    this.#lastWords = `${at}: ${reason}`
    if (this.#phase === 'subscriber') {
      this.#failure = failureOf(outlet.source, at, reason, answer)
      this.#phase = deadLetter === null ? 'exhausted' : 'deadLetter'
    } else this.#phase = 'exhausted'
    this.#failures = 0
    this.#go()
  }

  #exhausted(): void {
    const failure = this.#failure
    if (failure === null) return
    this.#phase = 'exhausted'
    const { exhausted } = this.#consumer.prepared
    switch (exhausted.kind) {
      case 'park':
        return this.#park(failure, exhausted.place)
      case 'drop':
        return queueMicrotask(() => this.#drop(failure))
      case 'block':
        return this.#block(failure)
      default:
        return never(exhausted)
    }
  }

  #park(failure: Failure, place: ParkingPlace): void {
    this.#consumer.services.parking.park(place, this.entry, failure).then(
      () => {
        if (this.#state !== 'ended') this.#consumer.parked(place.topic, failure)
        this.#settle()
      },
      (error: unknown) => this.#parkFailed(error),
    )
  }

  /** Once more from the beginning, after a wait. A record that is no event has none: it waits for an edit of the Outlet. */
  #block(failure: Failure): void {
    if (this.entry.event !== null) this.#phase = 'subscriber'
    this.#consumer.blocked(this, this.#lastWords ?? `${failure.destination}: ${failure.reason}`)
    this.#waitLonger(++this.#rounds)
  }

  #drop(failure: Failure): void {
    if (this.#state !== 'ended') this.#consumer.dropped(failure)
    this.#settle()
  }

  #parkFailed(error: unknown): void {
    if (this.#state === 'ended') return
    this.#consumer.unparked(error)
    if (this.#final) return this.#abandon()
    this.#waitLonger(this.#failures++)
  }

  #waitLonger(times: number): void {
    const { retryMs, parkRetryMaxMs } = this.#consumer.services.options
    this.#wait(Math.min(retryMs * 2 ** Math.min(times, 20), parkRetryMaxMs))
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
    this.#end()
    if (this.#phase !== 'exhausted') this.#consumer.delivered()
    if (this.#phase === 'deadLetter' && this.#consumer.tally !== null) this.#consumer.tally.deadLettered++
    this.#owner.settled(this)
  }

  #abandon(): void {
    this.#end()
    this.#owner.abandoned(this)
  }

  #end(): void {
    this.#state = 'ended'
    if (this.#rounds > 0) this.#consumer.unblocked(this)
  }
}

function again(delivery: Delivery): void {
  delivery.again()
}
