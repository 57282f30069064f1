import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { FindLine } from '../../contract/lineage.ts'
import { systemClock as clock } from '../../core/clock.ts'
import { openEmbeddedLog } from '../../kafka/embedded/embedded.ts'
import type { Log } from '../../kafka/log.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { findById, usualBounds, type FindBounds } from './find.ts'

/** What a search costs is bounded, whatever there is to be read. */

const dir = mkdtempSync(join(tmpdir(), 'find-'))
const count = 2_000
let log: Log
beforeAll(async () => {
  const retention = { bytes: 1024 ** 3, ms: 3_600_000 }
  log = await openEmbeddedLog({ dir, fsync: 'off', retention, clock, logger: createLogger('silent') })
  await log.admin().ensureTopic({ name: 'topic', partitions: 2, replicationFactor: 1, config: {} })
  const appender = log.appender()
  const all = Array.from({ length: count }, (_, n) => {
    const attributes = { ce_specversion: '1.0', ce_id: String(n % 1_000), ce_source: '/s', ce_type: 't' }
    const headers = Object.entries(attributes).map(([name, value]) => [name, Buffer.from(value)] as const)
    return appender.append({ topic: 'topic', partition: n % 2, key: null, value: Buffer.alloc(1_000), headers })
  })
  await Promise.all(all)
  await appender.close(1_000)
})
afterAll(async () => {
  await log.close()
  rmSync(dir, { recursive: true, force: true })
})

async function search(id: string, bounds: Partial<FindBounds>, signal = new AbortController().signal) {
  const lines: FindLine[] = []
  const reader = log.reader()
  const admin = log.admin()
  const asked = { topic: 'topic', id, source: undefined, since: 0, until: undefined, cluster: undefined }
  const all = { ...usualBounds, ...bounds }
  const say = (line: FindLine): void => void lines.push(line)
  try {
    await findById(asked, { reader, admin, conversion: null, clock, bounds: all, signal, say })
  } finally {
    await Promise.all([reader.close(), admin.close()])
  }
  return { lines, found: lines.filter(({ kind }) => kind === 'found').length, done: lines.at(-1) }
}

it('all of it is read where nothing bounds it', async () => {
  const { lines, found, done } = await search('7', {})
  expect(lines[0]).toEqual({ kind: 'progress', read: 0, of: count })
  expect([found, done]).toEqual([2, { kind: 'done', read: count, bounded: false }])
})

it('in bytes, in records that are told, and in time', async () => {
  const { done } = await search('7', { bytes: 1_000 })
  expect(done).toMatchObject({ kind: 'done', bounded: true })
  expect(done?.kind === 'done' && done.read < count).toBe(true)
  const one = await search('7', { found: 1 })
  expect([one.found, one.done]).toEqual([1, { kind: 'done', read: expect.any(Number) as number, bounded: true }])
  // an attribute may be as long as a record
  const long = await search('7', { told: 10 })
  expect([long.found, long.done]).toEqual([1, { kind: 'done', read: expect.any(Number) as number, bounded: true }])
  expect((await search('7', { ms: 0 })).done).toEqual({ kind: 'done', read: 0, bounded: true })
})

it('in bytes a second, so that deliveries go on', async () => {
  const began = performance.now()
  await search('7', { rate: 4_000_000 })
  // two megabytes, of which the first read goes ahead
  expect(performance.now() - began).toBeGreaterThan(200)
})

it('ends at once when nobody waits for it any more', async () => {
  const began = performance.now()
  await expect(search('7', { rate: 1_000 }, AbortSignal.timeout(100))).rejects.toThrow(/abort/i)
  expect(performance.now() - began).toBeLessThan(20_000)
})
