import { expect, test } from 'vitest'
import type { LogAdmin, Position, Positions } from '../../../kafka/log.ts'
import { adopt, type Adoption } from './adopt.ts'

const at = (partition: number, offset: number): Position => ({
  ...{ topic: 't', partition, offset: BigInt(offset) },
  ...{ leaderEpoch: -1, metadata: '' },
})

/** A group that had members, and what else happens to it once it is deleted. */
class Group {
  kind: 'consumer' | 'simple' = 'consumer'
  readonly held = new Map<number, Position>()
  readonly saved = new Map<string, string>()
  onDeleted: () => void = () => {}

  readonly positions: Positions = {
    fetch: async () => new Map([['g', [...this.held.values()]]]),
    all: async () => [...this.held.values()],
    commit: async (_, list) => {
      for (const one of list) this.held.set(one.partition, one)
    },
    close: async () => {},
  }

  adopt(): Promise<Adoption> {
    const { positions } = this
    const admin = {
      describeGroup: async () => ({ kind: this.kind, liveMembers: 0 }),
      describeTopics: async () => [{ name: 't', id: 'i', partitions: 2, maxMessageBytes: 1 }],
      deleteGroup: async () => {
        this.held.clear()
        this.kind = 'simple'
        this.onDeleted()
      },
    } as unknown as LogAdmin
    const vault = {
      save: async (group: string, text: string) => void this.saved.set(group, text),
      load: async (group: string) => this.saved.get(group) ?? null,
      remove: async (group: string) => void this.saved.delete(group),
    }
    return adopt('g', true, { admin, positions, vault, signal: new AbortController().signal, topics: new Set(['t']) })
  }

  get offsets(): number[] {
    return [...this.held.values()].sort((a, b) => a.partition - b.partition).map(({ offset }) => Number(offset))
  }
}

test('a group is made anew beside owners who go on: what they commit meanwhile stays, what falls behind is given back', async () => {
  const group = new Group()
  for (const one of [at(0, 50), at(1, 50)]) group.held.set(one.partition, one)
  group.onDeleted = () => {
    // one goes on, another one found nothing and began at the start of the log
    group.held.set(0, at(0, 60))
    group.held.set(1, at(1, 0))
  }
  expect(await group.adopt()).toEqual({ kind: 'adopted' })
  expect(group.offsets).toEqual([60, 50])
  expect(group.saved.size).toBe(0)
})
