import type { Fault } from '../../core/fault.ts'
import type { Batch, OffsetMoved, Tail, TailHandler, TopicPartition } from '../log.ts'
import { handlerFault, nameOf, readFault, topicMissing } from './faults.ts'
import type { Store } from './store.ts'
import { startOf, type Partition } from './topics.ts'

interface Cursor {
  readonly where: TopicPartition
  next: number
  paused: boolean
  /** The topic that we read, null while there has been none. */
  topicId: string | null
  fault: Fault | null
}

const BATCH_BYTES = 512 * 1024
const TURN_MS = 4
const RETRY_MS = 500

/**
 * Follows heads inside the process:
 *
 *     commit, add, resume ─► wake ─► awake set ─► turn (≤ 4 ms): one batch a cursor, round robin ─► handler
 *                                        ▲                │ more there
 *                                        └────────────────┘
 */
export class EmbeddedTail implements Tail {
  readonly #store: Store
  readonly #handler: TailHandler
  readonly #closing: () => void
  readonly #seen: (where: TopicPartition, topicId: string) => void
  readonly #cursors = new Map<string, Cursor>()
  readonly #awake = new Set<Cursor>()
  #turn: NodeJS.Immediate | undefined
  #retry: NodeJS.Timeout | undefined

  /** @param closing called once when the tail is closed. @param seen told under which id a topic is followed. */
  constructor(
    store: Store,
    handler: TailHandler,
    closing: () => void,
    seen: (where: TopicPartition, topicId: string) => void,
  ) {
    this.#store = store
    this.#handler = handler
    this.#closing = closing
    this.#seen = seen
  }

  add(where: TopicPartition, from: bigint): void {
    this.remove(where)
    const topicId = this.#store.topics.get(where.topic)?.id ?? null
    const at = { topic: where.topic, partition: where.partition }
    const cursor: Cursor = { where: at, next: Number(from), paused: false, topicId, fault: null }
    this.#cursors.set(nameOf(where), cursor)
    if (topicId !== null) this.#seen(where, topicId)
    this.#wake(cursor)
  }

  remove(where: TopicPartition): void {
    const cursor = this.#cursors.get(nameOf(where))
    if (cursor === undefined) return
    this.#cursors.delete(nameOf(where))
    this.#awake.delete(cursor)
  }

  resume(where: TopicPartition): void {
    const cursor = this.#cursors.get(nameOf(where))
    if (cursor === undefined) return
    cursor.paused = false
    this.#wake(cursor)
  }

  close(): Promise<void> {
    this.#cursors.clear()
    this.#awake.clear()
    clearImmediate(this.#turn)
    clearTimeout(this.#retry)
    this.#closing()
    return Promise.resolve()
  }

  /** Something was committed there. */
  committed(partition: Partition): void {
    const cursor = this.#cursors.get(`${partition.topic.name}/${partition.index}`)
    if (cursor !== undefined) this.#wake(cursor)
  }

  /** Topics came or went. */
  topicsChanged(): void {
    for (const cursor of this.#cursors.values()) this.#wake(cursor)
  }

  #wake(cursor: Cursor): void {
    if (cursor.paused) return
    this.#awake.add(cursor)
    this.#turn ??= setImmediate(() => this.#takeTurn())
  }

  #takeTurn(): void {
    this.#turn = undefined
    const end = performance.now() + TURN_MS
    for (const cursor of this.#awake) {
      // Taken out and, when there is more, put in again at the end: so the loop is a round robin.
      this.#awake.delete(cursor)
      if (this.#step(cursor) && this.#isOurs(cursor) && !cursor.paused) this.#awake.add(cursor)
      if (performance.now() > end) break
    }
    if (this.#awake.size > 0) this.#turn ??= setImmediate(() => this.#takeTurn())
  }

  /** @returns true when there may be more to read at once. */
  #step(cursor: Cursor): boolean {
    const partition = this.#store.partition(cursor.where)
    if (partition === undefined) {
      this.#tell(cursor, topicMissing(cursor.where))
      return false
    }
    let read: Batch | OffsetMoved
    try {
      read = this.#read(cursor, partition)
    } catch (error) {
      return this.#failed(cursor, readFault(error))
    }
    this.#tell(cursor, null)
    if (!this.#isOurs(cursor)) return false
    try {
      return this.#deliver(cursor, read)
    } catch (error) {
      // the same batch comes again, since nobody can say what became of it
      cursor.paused = false
      return this.#failed(cursor, handlerFault(cursor.where, error))
    }
  }

  /** @returns false: not at once, but a moment later. */
  #failed(cursor: Cursor, fault: Fault): boolean {
    if (!this.#isOurs(cursor)) return false
    this.#tell(cursor, fault)
    this.#retry ??= setTimeout(() => this.#again(), RETRY_MS)
    return false
  }

  #read(cursor: Cursor, partition: Partition): Batch | OffsetMoved {
    const recreated = cursor.topicId !== partition.topic.id && (cursor.topicId !== null || cursor.next > partition.next)
    cursor.topicId = partition.topic.id
    if (recreated) return { kind: 'recreated', next: BigInt(startOf(partition)) }
    return this.#store.read(partition, cursor.next, BATCH_BYTES)
  }

  #deliver(cursor: Cursor, read: Batch | OffsetMoved): boolean {
    if ('kind' in read) {
      cursor.next = Number(read.next)
      this.#handler.moved(cursor.where, read)
      return true
    }
    if (read.records.length === 0) return false
    // Paused before the call: a handler may resume within it.
    cursor.paused = true
    const goOn = this.#handler.batch(read)
    cursor.next = Number(read.next)
    if (goOn) cursor.paused = false
    return read.next < read.end
  }

  #tell(cursor: Cursor, fault: Fault | null): void {
    if (cursor.fault?.code === fault?.code) return
    cursor.fault = fault
    this.#handler.state(cursor.where, fault)
  }

  #again(): void {
    this.#retry = undefined
    this.topicsChanged()
  }

  #isOurs(cursor: Cursor): boolean {
    return this.#cursors.get(nameOf(cursor.where)) === cursor
  }
}
