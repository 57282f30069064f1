import { setTimeout as pause } from 'node:timers/promises'
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace'
import type { Clock } from '../../core/clock.ts'
import { retryBackoffMs } from '../../core/backoff.ts'
import { never } from '../../core/never.ts'
import type { Logger } from '../logger.ts'
import { isSampled } from './context.ts'
import type { SpanCounts } from './counts.ts'

/** What became of spans that were sent. */
export type Sent =
  /** @param rejected of these so many were not taken. */
  | { readonly kind: 'taken'; readonly rejected: number; readonly reason?: string }
  /** It may take them later, `afterMs` from now if it said so. */
  | { readonly kind: 'later'; readonly reason: string; readonly afterMs?: number }
  /** It will never take them. */
  | { readonly kind: 'refused'; readonly reason: string }

/** Sends spans to a collector. Never throws. */
export type Send = (spans: readonly ReadableSpan[], signal: AbortSignal) => Promise<Sent>

export interface BatchOptions {
  readonly send: Send
  readonly counts: SpanCounts
  /** A span waits for others at most so long, and the first pause after a failure is about as long, milliseconds. */
  readonly lingerMs: number
  readonly clock: Clock
  readonly logger: Logger
}

/** Spans that wait at most, those under way included: a few MB. What comes then is dropped. */
const mostWaiting = 4_096
/** Spans in a request at most: beyond it a collector may find it too large. */
const mostAtOnce = 512
/** A collector that asks for a longer wait is asked again after this one, milliseconds. */
const longestWaitMs = 60_000
/** What was said is not said again before this time is over, milliseconds. */
const quietMs = 60_000

/**
 * Ended spans, on their way to a collector. Taking one costs a push, whatever the collector does: it is never waited for.
 *
 *     onEnd ─► queue (full: dropped, counted) ─► 512, or a second ─► send, one at a time ─► taken · refused: gone · later: kept, again after a pause
 *
 * Instead of the BatchSpanProcessor of the SDK, which tells a global logger alone what it drops, and has no end that a deadline could be set to.
 */
export class BatchSpans implements SpanProcessor {
  readonly #options: BatchOptions
  readonly #queue: ReadableSpan[] = []
  /** Ends pauses. */
  readonly #closing = new AbortController()
  /** Ends requests. */
  readonly #ended = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | null = null
  #failures = 0
  /** Dropped, and not said yet. */
  #lost = 0
  /** Whether it is known that something is wrong. */
  #said = false
  #quietUntil = Number.NEGATIVE_INFINITY

  constructor(options: BatchOptions) {
    this.#options = options
  }

  onStart(): void {
    // nothing to be added
  }

  onEnd(span: ReadableSpan): void {
    const { counts } = this.#options
    if (!isSampled(span.spanContext())) return
    if (this.#closing.signal.aborted || this.#queue.length >= mostWaiting) {
      counts.overflow++
      this.#lost++
      this.#failed('spans end faster than it takes them, and some are dropped')
      return
    }
    counts.waiting = this.#queue.push(span)
    if (this.#running !== null) return
    if (this.#queue.length >= mostAtOnce) this.#run()
    else this.#linger()
  }

  /** Resolves when all that was there has been tried once. */
  async forceFlush(): Promise<void> {
    this.#run()
    await this.#running
  }

  shutdown(): Promise<void> {
    return this.close(0)
  }

  /** Sends what is left, for `deadlineMs` at most, and takes no more. What could not be sent is counted, and said. */
  async close(deadlineMs: number): Promise<void> {
    const { clock, counts, logger } = this.#options
    this.#closing.abort()
    clearTimeout(this.#timer)
    const end = clock.monotonic() + deadlineMs
    const late = setTimeout(() => this.#ended.abort(), deadlineMs)
    await this.#running
    while (this.#queue.length > 0 && clock.monotonic() < end) if (!(await this.#sendSome())) break
    clearTimeout(late)
    this.#ended.abort()
    const left = this.#queue.splice(0).length
    counts.overflow += left
    counts.waiting = 0
    if (left > 0) logger.warn({ spans: left }, 'the collector of traces did not take the last spans in time; dropped')
  }

  #linger(): void {
    this.#timer ??= setTimeout(() => this.#run(), this.#options.lingerMs).unref()
  }

  #run(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#running ??= this.#sendAll().finally(() => {
      this.#running = null
      if (this.#queue.length > 0 && !this.#closing.signal.aborted) this.#linger()
    })
  }

  /** As long as there is enough for a request of its own; the rest waits for others. */
  async #sendAll(): Promise<void> {
    let more = true
    while (more && !this.#closing.signal.aborted) {
      await this.#sendSome()
      more = this.#queue.length >= mostAtOnce
    }
  }

  /** Returns whether it makes sense to go on at once. */
  async #sendSome(): Promise<boolean> {
    const batch = this.#queue.slice(0, mostAtOnce)
    if (batch.length === 0) return true
    const sent = await this.#options.send(batch, this.#ended.signal)
    if (sent.kind !== 'later') this.#queue.splice(0, batch.length)
    this.#count(sent, batch.length)
    if (sent.kind === 'taken') return true
    const asked = sent.kind === 'later' ? sent.afterMs : undefined
    await this.#pause(
      Math.min(asked ?? retryBackoffMs(++this.#failures, { baseMs: this.#options.lingerMs }), longestWaitMs),
    )
    return sent.kind === 'refused'
  }

  #count(sent: Sent, spans: number): void {
    const { counts } = this.#options
    counts.waiting = this.#queue.length
    switch (sent.kind) {
      case 'taken': {
        // a counter never goes back, whatever a collector says
        const rejected = Math.min(sent.rejected, spans)
        counts.sent += spans - rejected
        counts.refused += rejected
        return rejected > 0 ? this.#failed(sent.reason ?? 'it did not take all spans') : this.#recovered()
      }
      case 'refused':
        counts.refused += spans
        this.#lost += spans
        return this.#failed(sent.reason)
      case 'later':
        return this.#failed(sent.reason)
      default:
        return never(sent)
    }
  }

  /** Once, however long it lasts; and where it comes and goes, once a minute. */
  #failed(reason: string): void {
    const { clock, logger } = this.#options
    if (this.#said || clock.monotonic() < this.#quietUntil) return
    this.#said = true
    this.#quietUntil = clock.monotonic() + quietMs
    const waiting = this.#queue.length
    logger.warn({ waiting }, `the collector of traces does not take all spans, events are not held up: ${reason}`)
  }

  #recovered(): void {
    this.#failures = 0
    if (!this.#said) return
    this.#said = false
    this.#options.logger.warn({ dropped: this.#lost }, 'the collector of traces takes spans again')
    this.#lost = 0
  }

  async #pause(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: this.#closing.signal, ref: false }).catch(() => undefined)
  }
}
