import type { Settled, Standing } from '../../../contract/lineage.ts'
import { noAnswer } from '../../../telemetry/metrics/distribution.ts'
import type { Spans, TraceContext } from '../../../telemetry/spans.ts'
import type { Entry } from '../reading/segment.ts'
import { Account, shortened } from './account.ts'
import type { Consumer } from './consumer.ts'
import { DeliverySpans } from './delivery-spans.ts'
import type { Failure } from './failure.ts'
import { whyNoAnswer } from './no-answer.ts'
import type { Endpoint, Prepared } from './prepared.ts'
import { requestFor } from './request.ts'
import type { Answer, Exchange, Receiver } from './send.ts'

type Pending = Standing & { readonly kind: 'pending' }

const givenUp = 'given up here: this process stops, or is no longer responsible'

/**
 * The requests of one delivery, one after the other: what they cost and how long they took. What an answer means is for who extends this; it
 * is no object of its own, because there is one for each event in flight.
 *
 *     post ─► answered ─► taken in: time counted ─► judged
 *          └► failed ───► the same ─────────────────────────────────► unanswered
 */
export abstract class Requests implements Receiver {
  readonly entry: Entry
  protected readonly consumer: Consumer
  /** How many were made. */
  protected attempts = 0
  /** Null: nothing but a first try so far. */
  protected account: Account | null = null
  /** Null: nobody follows it, or none was made yet. */
  protected spans: DeliverySpans | null = null
  #exchange: Exchange | null = null
  /** When the first was handed over, monotonic milliseconds; 0: nobody asks. */
  #firstAt = 0
  /** And the one under way. */
  #sentAt = 0

  constructor(entry: Entry, consumer: Consumer) {
    this.entry = entry
    this.consumer = consumer
  }

  protected abstract judged(answer: Answer): void
  /** There was no answer. */
  protected abstract unanswered(reason: string): void

  answered(answer: Answer): void {
    this.#over(answer.status)
    this.spans?.answered(answer.status)
    this.judged(answer)
  }

  failed(error: Error): void {
    this.#over(noAnswer)
    this.unanswered(whyNoAnswer(error))
  }

  protected remember(): Account {
    return (this.account ??= new Account())
  }

  /** It is settled. @param status of the answer, where there is no account. */
  protected tell(outcome: Settled['outcome'], status: number): void {
    if (this.consumer.services.lineage !== null) this.#tellLineage(outcome, status)
    if (this.spans === null) return
    this.spans.settled(outcome, this.attempts, this.account?.mishap?.reason)
    this.spans = null
  }

  /** It is not settled here: nobody but who follows it is told. */
  protected untraced(): void {
    this.spans?.end(givenUp)
    this.spans = null
  }

  protected pending(state: Pending['state'], phase: Pending['phase']): Pending {
    const { mishap = null, nextAt = 0 } = this.account ?? {}
    return {
      kind: 'pending',
      ...{ state, phase, attempts: this.attempts },
      ...(mishap === null ? {} : { failure: shortened(mishap) }),
      ...(state === 'waiting' && nextAt > 0 ? { nextAt } : {}),
    }
  }

  #tellLineage(outcome: Settled['outcome'], status: number): void {
    const { account } = this
    const { services, prepared } = this.consumer
    const { event, at, offset } = this.entry
    const place = { topic: at.topic, partition: at.partition, offset }
    const id = event?.attributes.get('id') ?? null
    const tookMs = this.attempts === 0 ? 0 : services.clock.monotonic() - this.#firstAt
    if (account === null) services.lineage?.delivered(prepared.outlet, place, id, status, tookMs)
    else services.lineage?.settled(prepared.outlet, place, id, account.settled(outcome, this.attempts, tookMs))
  }

  /** One that has not begun: it waits for a connection, and may be taken back. */
  protected get queued(): boolean {
    return this.#exchange?.begun === false
  }

  /** @param failure null: to the subscriber. */
  protected post(to: Endpoint, prepared: Prepared, failure: Failure | null): void {
    const { tally, services } = this.consumer
    const { clock, spans, lineage } = services
    const trace = spans === null ? null : this.#traced(spans, to)
    const post = requestFor(this.entry, to, prepared, failure, services.jsonBodies, trace)
    if (post === null) return
    if (tally !== null || lineage !== null) {
      this.#sentAt = clock.monotonic()
      if (this.attempts === 0) this.#firstAt = this.#sentAt
    }
    this.attempts++
    this.#exchange = to.lane.post(post, this)
  }

  /** The request under way, if there is one, is cut, and its end is not heard of. */
  protected cancel(): void {
    if (this.#exchange === null) return
    if (!this.#exchange.begun) this.attempts--
    this.#exchange.cancel()
    this.#exchange = null
  }

  #traced(spans: Spans, to: Endpoint): TraceContext {
    this.spans ??= new DeliverySpans(spans, this.entry, this.consumer.prepared.outlet)
    return this.spans.attempt(to.url, this.attempts)
  }

  #over(status: number): void {
    this.#exchange = null
    const { tally, services } = this.consumer
    tally?.answers.answered(status, services.clock.monotonic() - this.#sentAt)
  }
}
