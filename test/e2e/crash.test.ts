import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { startSender } from './support/app.ts'
import { arrival, createFlow } from './support/flow.ts'
import { cluster, kubectl, systemNamespace, waitFor } from './support/kube.ts'
import { killPod, residentMiB } from './support/machine.ts'
import { installMillrace, leader, pods, workersReady } from './support/millrace.ts'

/** Events a second. */
const rate = 200
/** What a dispatcher that is killed may deliver again: what it finished since its last commit (250 ms) and one window in flight. */
const allowedAtKill = rate * 0.25 + 100

beforeAll(installMillrace)

describe('under 200 events a second', () => {
  it.skipIf(!cluster().ours)('kill -9 of controller, ingress and dispatcher loses nothing', async () => {
    await using flow = await createFlow('killed')
    const memory = async (component: Parameters<typeof pods>[0]) =>
      `${component} ${(await Promise.all((await pods(component)).map((pod) => residentMiB(pod)))).join(' and ')} MiB`
    console.log(
      `resident at rest: ${(await Promise.all([memory('controller'), memory('ingress'), memory('dispatcher')])).join(', ')}`,
    )
    const sender = await startSender(flow.namespace, { url: flow.url, prefix: 'k', count: rate * 30, rate })
    const victims = [(await leader()).pod, (await pods('ingress'))[0], (await pods('dispatcher'))[0]]
    for (const victim of victims) {
      await sleep(6_000) // the load goes on between the kills
      await killPod(victim ?? '')
    }

    const outcome = await sender.outcome(120_000)
    const { lost, duplicates, accepted } = await arrival(flow.app, 'k', outcome)

    console.log(
      `kill -9: ${accepted} accepted, ${outcome.refused.length} not (${outcome.reason ?? ''}), ${duplicates} delivered again`,
    )
    expect(lost).toEqual([])
    // nothing was asked twice: what was in flight to the ingress that died, no more
    expect(outcome.refused.length).toBeLessThanOrEqual(rate)
    expect(duplicates).toBeLessThanOrEqual(allowedAtKill)
    await workersReady()
    await waitFor('trigger', 'all', 'Ready', { namespace: flow.namespace })
  })

  it('a graceful restart of all workers refuses nothing, loses nothing, and repeats 0.1 % at most', async () => {
    await using flow = await createFlow('rolled')
    const sender = await startSender(flow.namespace, {
      url: flow.url,
      prefix: 'r',
      count: rate * 40,
      rate,
      resend: true,
    })
    await sleep(3_000) // load before, during and after
    const workers = ['deployment/millrace-ingress', 'statefulset/millrace-dispatcher']
    await kubectl('rollout', 'restart', ...workers, '-n', systemNamespace)
    await Promise.all(workers.map((one) => kubectl('rollout', 'status', one, '-n', systemNamespace, '--timeout=120s')))

    const outcome = await sender.outcome(120_000)
    const { lost, duplicates, accepted } = await arrival(flow.app, 'r', outcome)

    console.log(`graceful: ${accepted} accepted, ${duplicates} delivered again, ${outcome.resent} sent again`)
    expect(outcome).toMatchObject({ sent: rate * 40, statuses: { '202': rate * 40 }, refused: [] })
    expect(lost).toEqual([])
    expect(duplicates).toBeLessThanOrEqual(rate * 40 * 0.001)
  })
})

describe('without workers', () => {
  it('Ready turns False within seconds, and comes back by itself', async () => {
    await using flow = await createFlow('none')
    const { namespace } = flow
    const scale = (what: string, replicas: number) =>
      kubectl('scale', what, `--replicas=${replicas}`, '-n', systemNamespace)
    const turns = async (what: string, kind: string, name: string): Promise<void> => {
      await scale(what, 0)
      const start = performance.now()
      const object = await waitFor(kind, name, 'Ready=False', { namespace, withinMs: 30_000 })
      const ready = object.status?.conditions?.find(({ type }) => type === 'Ready')
      console.log(
        `${what} scaled to 0: ${kind} not Ready after ${Math.round(performance.now() - start)} ms, ${ready?.reason}: ${ready?.message}`,
      )
      expect(ready?.reason).toMatch(/^[A-Z][A-Za-z]+$/)
      await scale(what, 2)
      await waitFor(kind, name, 'Ready', { namespace })
    }
    try {
      await turns('statefulset/millrace-dispatcher', 'trigger', 'all')
      await turns('deployment/millrace-ingress', 'broker', 'default')
      await waitFor('trigger', 'all', 'Ready', { namespace })
    } finally {
      await scale('statefulset/millrace-dispatcher', 2)
      await scale('deployment/millrace-ingress', 2)
      await workersReady()
    }
  })
})
