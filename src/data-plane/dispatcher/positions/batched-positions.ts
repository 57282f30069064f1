import { Fault } from '../../../core/fault.ts'
import type { Position, Positions, TopicPartition } from '../../../kafka/log.ts'
import { Turnstile } from './turnstile.ts'

interface Asked {
  readonly group: string
  readonly partitions: readonly TopicPartition[]
  readonly resolve: (positions: readonly Position[]) => void
  readonly reject: (error: unknown) => void
}

/**
 * Asks for the positions of many groups at once: what is asked for in one turn of the event loop is one request. What is wrong with one group
 * is that group's alone: then each is asked for by itself.
 */
export class BatchedPositions {
  readonly #positions: Positions
  readonly #alone = new Turnstile(8)
  #asked: Asked[] = []

  constructor(positions: Positions) {
    this.#positions = positions
  }

  /** @throws Fault as {@link Positions.fetch} does. */
  fetch(group: string, partitions: readonly TopicPartition[]): Promise<readonly Position[]> {
    return new Promise((resolve, reject) => {
      if (this.#asked.length === 0) setImmediate(() => this.#send())
      this.#asked.push({ group, partitions, resolve, reject })
    })
  }

  #send(): void {
    const asked = this.#asked
    this.#asked = []
    this.#fetch(asked)
  }

  #fetch(asked: readonly Asked[]): void {
    this.#positions.fetch(together(asked)).then(
      (found) => {
        for (const { group, partitions, resolve } of asked) resolve(within(found.get(group) ?? [], partitions))
      },
      (error: unknown) => {
        if (asked.length > 1 && !concernsAll(error)) for (const one of asked) void this.#fetchAlone(one)
        else for (const { reject } of asked) reject(error)
      },
    )
  }

  #fetchAlone({ group, partitions, resolve, reject }: Asked): Promise<void> {
    return this.#alone
      .pass(() => this.#positions.fetch(new Map([[group, partitions]])))
      .then((found) => resolve(found.get(group) ?? []), reject)
  }
}

/** Several Outlets may share a group, and ask at the same time. */
function together(asked: readonly Asked[]): ReadonlyMap<string, readonly TopicPartition[]> {
  const groups = new Map<string, TopicPartition[]>()
  for (const { group, partitions } of asked) {
    const known = groups.get(group)
    if (known === undefined) groups.set(group, [...partitions])
    else known.push(...partitions)
  }
  return groups
}

function within(found: readonly Position[], asked: readonly TopicPartition[]): readonly Position[] {
  const places = new Set(asked.map(({ topic, partition }) => `${partition} ${topic}`))
  return found.filter(({ topic, partition }) => places.has(`${partition} ${topic}`))
}

/** The log is away: to ask for each by itself would only wait as often. */
function concernsAll(error: unknown): boolean {
  return (
    error instanceof Fault &&
    (error.code === 'LogUnavailable' || error.code === 'LogTimeout' || error.code === 'Closed')
  )
}
