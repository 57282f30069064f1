import type { CloudEvent } from '../../../event/cloud-event.ts'
import type { Settled, Standing } from '../../../contract/lineage.ts'
import type { Appended } from '../../../kafka/log.ts'
import { never } from '../../../core/never.ts'
import type { Consumer } from './consumer.ts'
import { failureOf, type Failure } from './failure.ts'
import { messageOf } from './no-answer.ts'
import type { ParkingPlace } from './prepared.ts'
import { hopsOfReply, storedReplies } from './replies.ts'
import { Requests } from './requests.ts'
import type { Entry } from '../reading/segment.ts'
import type { Answer } from './send.ts'
import type { Keyed } from '../reading/key-order.ts'
import type { Linked } from '../reading/tracker.ts'
import { judge, waitBefore } from './verdict.ts'

/** Who tracks a delivery. Exactly one of these comes, never before `start` has returned, and never after `abort`. */
export interface DeliveryOwner {
  /** Delivered, dead-lettered, parked, or dropped where that is wanted. */
  settled(delivery: Delivery): void
  /** After `lastChance`: it failed and stays pending. */
  abandoned(delivery: Delivery): void
}

const GATE_MS = 100
/** What its own states are called by who asks. What was given up here waits for the next owner. */
const called = { busy: 'asking', waiting: 'waiting', paused: 'paused', ended: 'waiting' } as const

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
export class Delivery extends Requests implements Linked<Delivery>, Keyed<Delivery> {
  before: Delivery | null = null
  after: Delivery | null = null
  key: string | null = null
  earlier: Delivery | null = null
  later: Delivery | null = null
  held = false
  readonly offset: number
  /** What its Outlet's share in memory gets back with it. */
  cost = 0
  readonly #owner: DeliveryOwner
  #phase: 'subscriber' | 'deadLetter' | 'exhausted' = 'subscriber'
  #state: 'busy' | 'waiting' | 'paused' | 'ended' = 'waiting'
  #final = false
  /** Tries of this phase that failed. */
  #failures = 0
  /** How often nobody took it, where it is to wait until somebody does. */
  #rounds = 0
  #failure: Failure | null = null
  #timer: NodeJS.Timeout | undefined

  constructor(entry: Entry, consumer: Consumer, owner: DeliveryOwner) {
    super(entry, consumer)
    this.offset = entry.offset
    this.#owner = owner
  }

  /** How far it is, for people. */
  get standing(): Standing {
    return this.pending(this.held ? 'held' : called[this.#state], this.#phase)
  }

  start(): void {
    if (this.entry.event !== null) return this.#go()
    this.#phase = 'exhausted'
    const { outlet, subscriber } = this.consumer.prepared
    const reason = `the record is no CloudEvent: ${this.entry.problem}`
    this.#failure = failureOf(outlet.source, subscriber.url, reason, null)
    this.remember().mishap = this.#failure
    this.#go()
  }

  /** Ends without a word to anybody; what is under way is cut. */
  abort(): void {
    this.#end()
    clearTimeout(this.#timer)
    this.cancel()
    this.untraced()
  }

  /** The Outlet was edited: what is not under way pauses or goes on, and who was blocked shall not wait for the end of its wait. */
  changed(): void {
    const { paused } = this.consumer.prepared
    if (paused && this.#state === 'busy' && this.queued) {
      this.cancel()
      this.spans?.over('not sent: deliveries are paused')
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
    if (this.#state === 'busy' && !this.queued) {
      this.#final = true
      return true
    }
    this.abort()
    return false
  }

  protected judged(answer: Answer): void {
    const verdict = judge(answer, this.consumer.prepared.outlet.strictReplies === true)
    if (verdict.kind === 'delivered') this.#taken(answer.status)
    else if (verdict.kind === 'failed') this.#failed(verdict.retriable, verdict.reason, answer)
    else this.#replied(verdict.events, answer)
  }

  protected unanswered(reason: string): void {
    this.#failed(true, reason, null)
  }

  #replied(events: readonly CloudEvent[], answer: Answer): void {
    const { event } = this.entry
    const topic = this.consumer.prepared.outlet.replyTopic
    if (topic === undefined || event === null) return this.#taken(answer.status)
    const hops = hopsOfReply(event)
    if (hops <= 0) {
      this.consumer.looped()
      const reason = 'its reply would go round once too often (knativebrokerttl)'
      return this.#failed(false, reason, null, `kafka:${topic}`)
    }
    this.spans?.over()
    this.consumer.services.replies.store(events, hops, topic, this.spans?.replies(events, topic)).then(
      (places) => this.#stored(events, places, answer.status),
      (error: unknown) => this.#replyFailed(topic, error, answer.status),
    )
  }

  #stored(replies: readonly CloudEvent[], places: readonly Appended[], status: number): void {
    this.consumer.replied(places.length)
    if (this.consumer.services.lineage !== null) this.remember().replies = storedReplies(replies, places)
    this.#taken(status)
  }

  /** One step of the phase, now; or later, while this process may not act. */
  #go(): void {
    if (!this.consumer.services.mayAct()) return this.#wait(GATE_MS)
    const { prepared } = this.consumer
    this.#state = prepared.paused ? 'paused' : 'busy'
    if (prepared.paused) return
    if (this.#phase === 'subscriber') return this.post(prepared.subscriber, prepared, null)
    if (this.#phase === 'deadLetter' && prepared.deadLetter !== null) {
      this.remember().takenBy = prepared.deadLetter.url
      return this.post(prepared.deadLetter, prepared, this.#failure)
    }
    this.#exhausted()
  }

  #replyFailed(topic: string, error: unknown, status: number): void {
    const retriable = !(error instanceof Error && 'retriable' in error && error.retriable === false)
    const reason = `its reply could not be stored in topic ${topic}: ${messageOf(error)}`
    this.remember().status = status
    this.#failed(retriable, reason, null, `kafka:${topic}`)
  }

  #failed(retriable: boolean, reason: string, answer: Answer | null, destination?: string): void {
    if (this.#state === 'ended') return
    this.spans?.over(reason)
    const { policy, outlet, subscriber, deadLetter } = this.consumer.prepared
    const at = destination ?? (this.#phase === 'deadLetter' && deadLetter !== null ? deadLetter.url : subscriber.url)
    this.consumer.tryFailed(at, reason)
    this.remember().mishap = { destination: at, reason }
    if (answer !== null) this.remember().status = answer.status
    if (this.#final) return this.#abandon()
    this.#failures++
    if (retriable && this.#failures <= policy.retry) {
      if (this.consumer.tally !== null) this.consumer.tally.retries++
      return this.#wait(waitBefore(policy, this.#failures, answer, this.consumer.services.clock.now()))
    }
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
    this.remember().takenBy = null
    const { exhausted } = this.consumer.prepared
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
    this.consumer.services.parking.park(place, this.entry, failure).then(
      () => {
        if (this.#state !== 'ended') this.consumer.parked(place.topic, failure)
        this.remember().takenBy = `kafka:${place.topic}`
        this.#settle('parked')
      },
      (error: unknown) => this.#parkFailed(error),
    )
  }

  /** Once more from the beginning, after a wait. A record that is no event has none: it waits for an edit of the Outlet. */
  #block(failure: Failure): void {
    if (this.entry.event !== null) this.#phase = 'subscriber'
    const { destination, reason } = this.account?.mishap ?? failure
    this.consumer.blocked(this, `${destination}: ${reason}`)
    this.#waitLonger(++this.#rounds)
  }

  #drop(failure: Failure): void {
    if (this.#state !== 'ended') this.consumer.dropped(failure)
    this.#settle('dropped')
  }

  #parkFailed(error: unknown): void {
    if (this.#state === 'ended') return
    this.consumer.unparked(error)
    if (this.#final) return this.#abandon()
    this.#waitLonger(this.#failures++)
  }

  #waitLonger(times: number): void {
    const { retryMs, parkRetryMaxMs } = this.consumer.services.options
    this.#wait(Math.min(retryMs * 2 ** Math.min(times, 20), parkRetryMaxMs))
  }

  #wait(ms: number): void {
    this.#state = 'waiting'
    if (this.account !== null) this.account.nextAt = this.consumer.services.clock.now() + ms
    this.#timer = setTimeout(again, ms, this)
  }

  /** The wait is over. */
  again(): void {
    if (this.#state === 'waiting') this.#go()
  }

  /** The subscriber took it, or the dead letter sink. */
  #taken(status: number): void {
    if (this.#state === 'ended') return
    this.consumer.delivered()
    if (this.account !== null) this.account.status = status
    if (this.#phase === 'subscriber') return this.#settle('delivered', status)
    this.consumer.deadLettered()
    this.#settle('deadLettered', status)
  }

  /** @param status of the answer to the only request; absent: the account says more. */
  #settle(outcome: Settled['outcome'], status = 0): void {
    if (this.#state === 'ended') return
    this.#end()
    this.tell(outcome, status)
    this.#owner.settled(this)
  }

  #abandon(): void {
    this.#end()
    this.untraced()
    this.#owner.abandoned(this)
  }

  #end(): void {
    this.#state = 'ended'
    if (this.#rounds > 0) this.consumer.unblocked(this)
  }
}

function again(delivery: Delivery): void {
  delivery.again()
}
