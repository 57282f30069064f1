import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { inletOn } from '../../../test/support/millrace.ts'
import { systemClock } from '../../core/clock.ts'
import { Journal } from '../../telemetry/journal/journal.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { WorkerLineage } from './worker-lineage.ts'

const problem = { status: 400, code: 'MissingAttribute', detail: 'x'.repeat(2_000) }

it('a sender that is refused again and again does not wear out what is known of other events', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'refusals-'))
  let seconds = 0
  const clock = { now: () => systemClock.now(), monotonic: () => seconds * 1_000 }
  const bounds = { bytes: 16 * 1024 * 1024, ageMs: 3_600_000 }
  const journal = new Journal({ folder, bounds, clock: systemClock, logger: createLogger('silent') })
  const lineage = new WorkerLineage(journal, clock)
  lineage.accepted(inletOn('topic'), { id: 'mine', source: '/mine' }, 3, 7n)
  for (let n = 0; n < 20_000; n++) {
    lineage.refused('/shop/default', [{ id: `loop-${n}`, source: '/loop' }], problem)
    // so that the disk keeps up: nothing is lost for another reason
    if (n % 1_000 === 0) await journal.flush()
  }
  const { accepted } = await lineage.ofId('mine', undefined)
  expect(accepted).toMatchObject([{ place: { topic: 'topic', partition: 3, offset: 7 } }])
  expect((await lineage.ofId('loop-0', undefined)).refused).toHaveLength(1)
  expect((await lineage.ofId('loop-19999', undefined)).refused).toEqual([])
  expect(journal.lost).toBeGreaterThan(15_000)
  seconds += 60
  lineage.refused('/shop/default', [{ id: 'later', source: '/mine' }], problem)
  expect((await lineage.ofId('later', undefined)).refused).toMatchObject([{ status: 400, path: '/shop/default' }])
  await journal.close(1_000)
  rmSync(folder, { recursive: true, force: true })
})

it('of each event of a large batch that is refused as a whole it is known why, and the batch takes little memory', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'refusals-'))
  const bounds = { bytes: 16 * 1024 * 1024, ageMs: 3_600_000 }
  const journal = new Journal({ folder, bounds, clock: systemClock, logger: createLogger('silent') })
  const lineage = new WorkerLineage(journal, systemClock)
  const events = Array.from({ length: 5_000 }, (_, n) => ({ id: `e-${n}`, source: '/shop' }))
  lineage.refused('/shop/default', events, problem)
  for (const id of ['e-0', 'e-2500', 'e-4999']) {
    const told = { path: '/shop/default', ...problem, id }
    expect((await lineage.ofId(id, undefined)).refused).toEqual([{ ...told, source: '', at: expect.any(Number) }])
    expect((await lineage.ofId(id, '/shop')).refused).toEqual([{ ...told, source: '/shop', at: expect.any(Number) }])
    expect((await lineage.ofId(id, '/other')).refused).toEqual([])
  }
  expect((await lineage.ofId('e-5000', undefined)).refused).toEqual([])
  expect([journal.lost, journal.bytes < 200_000]).toEqual([0, true])
  await journal.close(1_000)
  rmSync(folder, { recursive: true, force: true })
})
