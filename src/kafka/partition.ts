/**
 * Which partition a record goes to: as the Java client's DefaultPartitioner says, so that records of one key written by
 * us and by others meet in the same partition. Spec: org.apache.kafka.common.utils.Utils.murmur2 and toPositive.
 */

const MULTIPLIER = 0x5bd1e995
const SEED = 0x9747b28c | 0

/**
 * The partition of a key.
 * @param partitions how many the topic has, at least 1.
 */
export function partitionForKey(key: Buffer, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}

/**
 * Sticky choice for records without a key: one partition per topic until {@link StickyPartitions.next} starts the next
 * micro-batch, then a random other one. Few partitions a batch keep batches large; over time all get the same share.
 */
export class StickyPartitions {
  readonly #chosen = new Map<string, number>()
  readonly #random: () => number

  /** @param random evenly spread in [0, 1), as Math.random. */
  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  /** The partition of this micro-batch for `topic`. */
  of(topic: string, partitions: number): number {
    const known = this.#chosen.get(topic)
    if (known !== undefined && known < partitions) return known
    const chosen = Math.floor(this.#random() * partitions)
    this.#chosen.set(topic, chosen)
    return chosen
  }

  /** Starts the next micro-batch: of one topic, or of all. */
  next(topic?: string): void {
    if (topic === undefined) this.#chosen.clear()
    else this.#chosen.delete(topic)
  }
}

/** Java's murmur2 of 32 bits: four bytes a step, little endian, in wrapping int arithmetic. */
function murmur2(data: Buffer): number {
  const length = data.length
  const whole = length & ~3
  let hash = SEED ^ length
  for (let at = 0; at < whole; at += 4) {
    let word = Math.imul(data.readInt32LE(at), MULTIPLIER)
    word = Math.imul(word ^ (word >>> 24), MULTIPLIER)
    hash = Math.imul(hash, MULTIPLIER) ^ word
  }
  if (whole < length) {
    for (let at = length - 1; at >= whole; at -= 1) hash ^= data.readUInt8(at) << ((at & 3) * 8)
    hash = Math.imul(hash, MULTIPLIER)
  }
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER)
  return hash ^ (hash >>> 15)
}
