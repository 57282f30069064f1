import { expect, test } from 'vitest'
import { Fault } from '../../../core/fault.ts'
import type { Position, Positions } from '../../../kafka/log.ts'
import { decodeProgress, encodeProgress } from '../reading/progress.ts'
import { ShortMetadata } from './short-metadata.ts'

const start = { at: 1_760_000_000, partitions: 10 }
const pending = Array.from({ length: 100 }, (_, i) => i * 300)
const full = encodeProgress({ position: 0, upTo: 40_000, pending }, start)
const stamp = encodeProgress({ position: 0, upTo: 0, pending: [] }, start)

/** A log that takes metadata up to a limit, and says no more than Kafka does. */
function bench(limit: number) {
  const asked: string[][] = []
  const told: number[] = []
  const kept = new Map<number, string>()
  const log = {
    commit: async (_: string, positions: readonly Position[]) => {
      asked.push(positions.map(({ metadata }) => metadata))
      const taken = positions.filter(({ metadata }) => metadata.length <= limit)
      for (const { partition, metadata } of taken) kept.set(partition, metadata)
      if (taken.length === positions.length) return
      throw new Fault('LogRefused', 'no', { details: { error: 'OFFSET_METADATA_TOO_LARGE' } })
    },
  } as unknown as Positions
  const positions = new ShortMetadata(log, (length) => told.push(length))
  const commit = (...all: readonly string[]): Promise<void> =>
    positions.commit(
      'g',
      all.map((metadata, partition) => ({ topic: 't', partition, offset: 7n, leaderEpoch: -1, metadata })),
    )
  return { commit, asked, told, kept }
}

test('what the log takes is left as it is', async () => {
  const { commit, asked, told, kept } = bench(2048)
  await commit(full, stamp)
  expect([kept.get(0), kept.get(1), asked.length, told]).toEqual([full, stamp, 1, []])
})

test('of metadata that is too large the first start is kept, in the same commit; later ones are short from the beginning, and it is told once', async () => {
  const { commit, asked, told, kept } = bench(100)
  await commit(full, stamp)
  expect([kept.get(0), kept.get(1)]).toEqual([stamp, stamp])
  expect(decodeProgress(7, kept.get(0) ?? '').start).toEqual(start)
  const tries = asked.length
  await commit(full)
  await commit(full, full)
  expect(asked.length).toBe(tries + 2)
  expect(told).toEqual([full.length])
})

test('a log that takes none at all gets none', async () => {
  const { commit, kept } = bench(0)
  await commit(full, 'of another program', stamp)
  expect([...kept.values()]).toEqual(['', '', ''])
})

test('another refusal is not ours to mend', async () => {
  const fault = new Fault('LogRefused', 'no', { details: { error: 'INVALID_COMMIT_OFFSET_SIZE' } })
  const log = { commit: () => Promise.reject(fault) } as unknown as Positions
  const positions = new ShortMetadata(log, () => {})
  const position = { topic: 't', partition: 0, offset: 7n, leaderEpoch: -1, metadata: full }
  await expect(positions.commit('g', [position])).rejects.toBe(fault)
})
