import type { LogReader } from '../../../kafka/log.ts'
import type { Partition } from './partition.ts'

const LOOK_MS = 5_000

/**
 * Where partitions end whose tail waits, because those who read it are slow or paused: their tail does not hear of what is appended, and the
 * lag shall grow all the same.
 */
export class Ends {
  readonly #range: LogReader['range']
  readonly #partitions: () => readonly Partition[]
  #timer: NodeJS.Timeout
  #closed = false

  constructor(range: LogReader['range'], partitions: () => readonly Partition[]) {
    this.#range = range
    this.#partitions = partitions
    this.#timer = setTimeout(() => void this.#look(), LOOK_MS).unref()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  async #look(): Promise<void> {
    const waiting = this.#partitions().filter(({ paused }) => paused !== null)
    // who cannot be asked now is asked again
    const ranges = waiting.length === 0 ? [] : await this.#range(waiting.map(({ at }) => at)).catch(() => [])
    for (const { topic, partition, end } of ranges) {
      const place = waiting.find(({ at }) => at.topic === topic && at.partition === partition)
      if (place !== undefined && place.paused !== null && Number(end) > place.end) place.end = Number(end)
    }
    if (!this.#closed) this.#timer = setTimeout(() => void this.#look(), LOOK_MS).unref()
  }
}
