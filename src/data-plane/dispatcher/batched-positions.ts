import type { Position, Positions, TopicPartition } from '../../kafka/log.ts'

interface Asked {
  readonly group: string
  readonly partitions: readonly TopicPartition[]
  readonly resolve: (positions: readonly Position[]) => void
  readonly reject: (error: unknown) => void
}

/** Asks for the positions of many groups at once: what is asked for in one turn of the event loop is one request. */
export class BatchedPositions {
  readonly #positions: Positions
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
    this.#positions.fetch(new Map(asked.map(({ group, partitions }) => [group, partitions]))).then(
      (found) => {
        for (const { group, resolve } of asked) resolve(found.get(group) ?? [])
      },
      (error: unknown) => {
        for (const { reject } of asked) reject(error)
      },
    )
  }
}
