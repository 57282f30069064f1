import { afterEach, expect, test } from 'vitest'
import { systemClock, type Clock } from '../../../core/clock.ts'
import { createLogger } from '../../../telemetry/logger.ts'
import type { Positions } from '../../log.ts'
import { Cluster } from '../cluster.ts'
import { createPositions } from './positions.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** Nobody listens there, so every try fails at once. */
function nobody(clock: Clock = systemClock): { cluster: Cluster; positions: Positions } {
  const logger = createLogger('silent')
  const cluster = new Cluster({ clientId: 'test', bootstrapServers: '127.0.0.1:1', clock: systemClock, logger })
  const positions = createPositions(cluster, { clock, logger })
  closing.push(
    () => positions.close(),
    () => cluster.close(),
  )
  return { cluster, positions }
}

const position = { topic: 't', partition: 0, offset: 1n, leaderEpoch: -1, metadata: '' }

test('a commit that is given up is tried no more', async () => {
  const { positions } = nobody()
  const began = performance.now()
  const signal = AbortSignal.timeout(200)
  await expect(positions.commit('g', [position], signal)).rejects.toMatchObject({ code: 'Closed' })
  expect(performance.now() - began).toBeLessThan(8_000)
  await expect(positions.commit('g', [position], signal)).rejects.toMatchObject({ code: 'Closed' })
})

test('a process that slept past its patience does not commit when it wakes', async () => {
  let asked = 0
  // time stands still for the first looks at the clock; then the process has slept for a minute
  const clock = { now: () => Date.now(), monotonic: () => (asked++ < 2 ? 0 : 60_000) }
  const { cluster, positions } = nobody(clock)
  let tries = 0
  const ask = cluster.coordinators.bind(cluster)
  cluster.coordinators = (groups) => {
    tries++
    return ask(groups)
  }
  await expect(positions.commit('g', [position])).rejects.toMatchObject({ code: 'LogUnavailable' })
  expect(tries).toBe(1)
})
