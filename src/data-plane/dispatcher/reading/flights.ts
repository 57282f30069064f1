import type { Consumer } from '../delivering/consumer.ts'
import type { InLine } from '../in-line.ts'
import { Delivery, type DeliveryOwner } from '../delivering/deliver.ts'
import { KeyOrder } from './key-order.ts'
import type { Entry } from './segment.ts'
import { Tracker } from './tracker.ts'

/** For all who have no order of keys: nobody joins it. There are a hundred thousand cursors. */
const noKeys = new KeyOrder<Delivery>()

/**
 * The pending events of one Outlet on one partition. They are as many as the window lets be under way; where only those of one key wait for
 * each other, some more that are held until the one before them is through.
 *
 *     begin ─► one of its key is pending? ── no ─► under way ─► end ─► the next of its key begins
 *                                         └─ yes ─► held ─────────────────▲
 */
export class Flights extends Tracker<Delivery> {
  readonly #consumer: Consumer
  readonly #owner: DeliveryOwner
  #keyed = false
  #keys = noKeys

  constructor(consumer: Consumer, owner: DeliveryOwner) {
    super()
    this.#consumer = consumer
    this.#owner = owner
    this.#want(consumer.prepared.outlet.order === 'key')
  }

  get hasRoom(): boolean {
    const { window, room } = this.#consumer
    return !this.full && this.size < room && this.size - this.#keys.held < window
  }

  /**
   * Of what is pending keys hold back so much that less than half of the window is under way: perhaps none of that ends for long. While more is,
   * its ends ask for room often enough.
   */
  get heldBack(): boolean {
    return (this.size - this.#keys.held) * 2 < this.#consumer.window
  }

  begin(entry: Entry): void {
    const delivery = new Delivery(entry, this.#consumer, this.#owner)
    delivery.cost = this.#consumer.share.take(entry, this.#consumer.prepared.json)
    this.add(delivery)
    if (!this.#keyed || entry.key === null || this.#keys.join(delivery, entry.key)) delivery.start()
  }

  /** It is through, or given up. @returns who may begin now. */
  end(delivery: Delivery): Delivery | null {
    this.remove(delivery)
    this.#consumer.share.give(delivery.entry, delivery.cost)
    return this.#keys.leave(delivery)
  }

  /** Gives up what lies at or above `offset`. */
  cut(offset: number): void {
    for (const delivery of this) {
      if (delivery.offset < offset) continue
      delivery.abort()
      this.end(delivery)
    }
  }

  /** No further tries, and what is held does not begin. @returns how many are under way: each of them comes to its end. */
  lastChance(): number {
    let active = 0
    for (const delivery of this) if (delivery.lastChance()) active++
    return active
  }

  /** The Outlet was edited. @param running whether what was held may begin. */
  changed(running: boolean): void {
    for (const delivery of this) delivery.changed()
    const { order } = this.#consumer.prepared.outlet
    const keyed = order === 'key'
    const follows = keyed && !this.#keyed
    this.#want(keyed)
    if (follows) this.#follow()
    // where all are to be in order, those of one key already are, and whatever comes waits for all of them
    if (order === 'unordered') this.#free(running)
  }

  #want(keyed: boolean): void {
    this.#keyed = keyed
    if (keyed && this.#keys === noKeys) this.#keys = new KeyOrder()
  }

  /** What is under way knows no order: what comes waits for it, each for those of its key. */
  #follow(): void {
    for (const delivery of this) {
      const { key } = delivery.entry
      if (delivery.key === null && key !== null) this.#keys.join(delivery, key, true)
    }
  }

  /** Nobody waits for anybody any more. */
  #free(running: boolean): void {
    const held = [...this].filter((delivery) => delivery.held)
    for (const delivery of this) this.#keys.leave(delivery)
    if (running) for (const delivery of held) delivery.start()
  }
}

/** Whether one more of them may begin. If not, who asks gets in line for what is missing: an event that would only wait is better left in the ring. */
export function hasRoom(one: InLine, { prepared, share }: Consumer, pending: Flights | null): boolean {
  const { subscriber, paused } = prepared
  if (paused) return false
  if (pending?.hasRoom === false) share.untilWider(one, pending.heldBack)
  else if (subscriber.lane.full) subscriber.lane.line(one)
  else return true
  return false
}
