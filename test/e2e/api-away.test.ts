import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSender } from './support/app.ts'
import { arrival, createFlow, triggerToRecorder } from './support/flow.ts'
import { apply, cluster, waitFor } from './support/kube.ts'
import { bringApiServerBack, takeApiServerAway } from './support/machine.ts'
import { installMillrace, workersReady } from './support/millrace.ts'

const rate = 100
const awayMs = 60_000

beforeAll(installMillrace)

describe.skipIf(!cluster().ours)('while the API server is away', () => {
  afterAll(bringApiServerBack)

  it('events flow on, and afterwards status is right', async () => {
    await using flow = await createFlow('away')
    const { namespace, app } = flow
    const count = (rate * (awayMs + 10_000)) / 1000
    const sender = await startSender(namespace, { url: flow.url, prefix: 'a', count, rate })
    await waitFor('pod', sender.pod, ({ status }) => status?.['phase'] === 'Running', { namespace })
    const from = Date.now()
    await takeApiServerAway()
    await sleep(awayMs)
    const until = Date.now()
    await bringApiServerBack()

    const outcome = await sender.outcome(120_000)
    const { lost } = await arrival(app, 'a', outcome)
    expect(outcome).toEqual({ sent: count, statuses: { '202': count }, refused: [] })
    expect(lost).toEqual([])
    // each second of that time has its events
    const seconds = new Set(
      (await app.records()).filter(({ at }) => at > from && at < until).map(({ at }) => Math.floor((at - from) / 1000)),
    )
    expect(seconds.size).toBeGreaterThanOrEqual(awayMs / 1000 - 5)

    await workersReady()
    await waitFor('broker', 'default', 'Ready', { namespace })
    await waitFor('trigger', 'all', 'Ready', { namespace })
    await apply([triggerToRecorder('afterwards')], namespace)
    await waitFor('trigger', 'afterwards', 'Ready', { namespace })
  })
})
