import type { Membership, MembershipHandler, TopicPartition } from '../log.ts'
import { nameOf } from './faults.ts'

/** Nobody waits for us here, so a handover may take as long as a Kafka rebalance by default. */
const HANDOVER_MS = 30_000

/**
 * A fleet of one: the data folder is locked by this process, so what is shared out is ours at once.
 *
 *     share(wanted) ─► owned − wanted: revoked, awaited ─► wanted − owned: assigned      (one after the other, never overlapping)
 */
export class EmbeddedMembership implements Membership {
  readonly #handler: MembershipHandler
  readonly #leaving: () => void
  #wanted: readonly TopicPartition[] = []
  readonly #owned = new Map<string, TopicPartition>()
  #turn: Promise<void> = Promise.resolve()
  #closed: Promise<void> | undefined
  /** For a handover that begins now. */
  #deadlineMs = HANDOVER_MS

  /** @param leaving called once when the membership has ended. */
  constructor(handler: MembershipHandler, leaving: () => void) {
    this.#handler = handler
    this.#leaving = leaving
  }

  get alive(): boolean {
    return this.#closed === undefined || this.#owned.size > 0
  }

  /** No bound on members is less than the one there is. */
  share(partitions: readonly TopicPartition[]): void {
    if (this.#closed !== undefined) return
    this.#wanted = partitions.map(({ topic, partition }) => ({ topic, partition }))
    this.#turn = this.#turn.then(() => this.#settle())
  }

  close({ deadlineMs }: { forGood: boolean; deadlineMs: number }): Promise<void> {
    this.#wanted = []
    // also for what waits in line: it finds that nothing is wanted any more, and hands over everything
    if (this.#closed === undefined) this.#deadlineMs = deadlineMs
    this.#closed ??= this.#turn.then(() => this.#settle()).finally(this.#leaving)
    return this.#closed
  }

  async #settle(): Promise<void> {
    const deadlineMs = this.#deadlineMs
    const wanted = new Map(this.#wanted.map((where) => [nameOf(where), where]))
    const gone = [...this.#owned].filter(([name]) => !wanted.has(name))
    if (gone.length > 0) {
      await withDeadline(deadlineMs, () =>
        this.#handler.revoked(
          gone.map(([, where]) => where),
          deadlineMs,
        ),
      )
      for (const [name] of gone) this.#owned.delete(name)
    }
    const added = [...wanted].filter(([name]) => !this.#owned.has(name))
    if (added.length === 0) return
    for (const [name, where] of added) this.#owned.set(name, where)
    this.#handler.assigned(added.map(([, where]) => where))
  }
}

/** Ends when `work` ended, well or not, or when the time is over: then the next owner may start. */
async function withDeadline(ms: number, work: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  try {
    await Promise.race([work(), late])
  } catch {
    // A handler that failed has let go all the same: it is the handler's to tell.
  } finally {
    clearTimeout(timer)
  }
}
