import { MatchIndex } from '../../../event/match-index.ts'
import type { Partition, Reader } from './partition.ts'

/** What a process works on of one topic: the Outlets that read it, and the partitions of it that are ours. */
export class Topic<Outlet extends Reader> {
  readonly outlets = new Set<Outlet>()
  readonly partitions = new Map<number, Partition>()
  /** The Outlets by their filters. One for all partitions: an Outlet asks for the same on each. */
  readonly index = new MatchIndex<Reader>()

  /** Neither its Outlets nor its partitions are any business of ours. */
  get isNobodys(): boolean {
    return this.outlets.size === 0 && this.partitions.size === 0
  }
}
