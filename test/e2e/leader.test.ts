import { beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { createFlow, triggerToRecorder } from './support/flow.ts'
import { apply, cluster, kubectl, systemNamespace, waitFor } from './support/kube.ts'
import { killPod } from './support/machine.ts'
import { installMillrace, leader, workersReady } from './support/millrace.ts'

beforeAll(installMillrace)

/** How long until another leads, milliseconds. */
async function takeover(before: string): Promise<number> {
  const start = performance.now()
  await eventually(
    'another controller leads',
    async () => {
      const { identity } = await leader()
      return identity !== '' && identity !== before
    },
    { withinMs: 40_000, everyMs: 100 },
  )
  return performance.now() - start
}

describe('of two controllers', () => {
  it.skipIf(!cluster().ours)('the other leads in less than 20 s when the leader is killed', async () => {
    await using flow = await createFlow('leader')
    const { identity, pod } = await leader()
    await killPod(pod)

    const ms = await takeover(identity)

    console.log(`leader killed: another leads after ${Math.round(ms)} ms`)
    expect(ms).toBeLessThan(20_000)
    await apply([triggerToRecorder('after-the-kill')], flow.namespace)
    await waitFor('trigger', 'after-the-kill', 'Ready', { namespace: flow.namespace })
    await workersReady()
  })

  it('the other leads at once when the leader is stopped', async () => {
    await using flow = await createFlow('leader')
    const { identity, pod } = await leader()
    await kubectl('delete', 'pod', pod, '-n', systemNamespace, '--wait=false')

    const ms = await takeover(identity)

    console.log(`leader stopped: another leads after ${Math.round(ms)} ms`)
    // well below the 15 s after which a lease is anyone's
    expect(ms).toBeLessThan(8_000)
    await apply([triggerToRecorder('after-the-stop')], flow.namespace)
    await waitFor('trigger', 'after-the-stop', 'Ready', { namespace: flow.namespace })
    await workersReady()
  })
})
