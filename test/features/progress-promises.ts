import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import type { OutletShare } from '../../src/contract/outlet.ts'
import { kinds } from '../../src/kube/kinds.ts'
import {
  broker,
  ControlPlaneRig,
  service,
  trigger,
  unique,
  type TestApi,
  type Told,
} from '../support/control-plane-rig.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import type { SimulatedWorker } from '../support/simulated-workers.ts'

const always = new AbortController().signal
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const time = '2026-01-01T00:00:00Z'

interface Progress {
  readonly lag: number
  readonly share?: OutletShare
}

/** What users see of how far Triggers are, on any API server. */
export function progressPromises(api: () => Promise<TestApi>): void {
  /** Triggers `names`, Ready. `say`: what the dispatcher says of one from now on. */
  async function serving(names: readonly string[]) {
    const rig = await ControlPlaneRig.start(await api())
    const state = { lateMs: 0 }
    const startPlane = () => rig.startPlane({ lateMs: () => state.lateMs })
    startPlane()
    const said = new Map<string, Progress>()
    const report: SimulatedWorker['report'] = (name) => {
      const now = said.get(name)
      if (now === undefined) return { state: 'consuming' }
      const shares = now.share === undefined ? {} : { shares: { dispatcher: now.share } }
      return { progress: { lag: now.lag }, ...shares, state: 'consuming' }
    }
    const [, dispatcher] = await Promise.all([rig.worker('ingress'), rig.worker('dispatcher')])
    dispatcher.report = report
    const ns = unique('shop')
    await rig.createNamespace(ns)
    await rig.apply(service(ns))
    await rig.apply(broker(ns))
    for (const name of names) await rig.apply(trigger(ns, name))
    for (const name of names) await rig.ready(kinds.trigger, ns, name, 'True')
    const events = async () => {
      const { items } = await rig.client.list(kinds.event, { namespace: ns }, always)
      const of = items as unknown as {
        reason: string
        message: string
        type: string
        involvedObject: { name: string }
      }[]
      return of.filter(({ reason }) => reason !== 'Ready').map((each) => ({ ...each, of: each.involvedObject.name }))
    }
    return {
      ...{ rig, ns, state, startPlane, events },
      say: (name: string, progress: Progress) => void said.set(name, progress),
      status: (name = 'orders') => rig.status(kinds.trigger, ns, name) as Promise<Told & Record<string, unknown>>,
    }
  }

  test('lag, rate, last delivery and last error are in the status of a Trigger, which is written when its Outlet is and no more', async () => {
    const { rig, say, status } = await serving(['orders'])
    await using _ = rig
    expect(await status()).not.toHaveProperty('lag')
    const writes = await rig.countChanges(kinds.trigger)
    const lastError = { time, message: 'http://orders/: answered 503' }
    say('orders', { lag: 400, share: { lastError } })
    await eventuallyPasses('it is behind', async () =>
      expect(await status()).toMatchObject({ lag: 400, rate: 0, lastError }),
    )
    say('orders', { lag: 0, share: { rate: 4.2, lastError, lastDelivery: time, replied: 3 } })
    await eventuallyPasses('it is done', async () =>
      expect(await status()).toMatchObject({ lag: 0, rate: 4.2, lastDelivery: time, lastError, replied: 3 }),
    )
    // the simulated worker says what it has seen
    const before = await eventually('all is written', async () => {
      const versions = await rig.versions()
      await pause(500)
      return isDeepStrictEqual(await rig.versions(), versions) && versions
    })
    await pause(3_000)
    expect(await rig.versions()).toEqual(before)
    expect(writes()).toBe(2)
  })

  test('the first dead letter makes an Event at once; a thousand make no more, and hold up no other Trigger', async () => {
    const { rig, ns, say, status, state, startPlane, events } = await serving(['orders', 'other'])
    await using _ = rig
    const last = { time, fate: 'deadLettered', id: 'A-1', takenBy: 'http://lost/', destination: 'http://orders/' }
    const failing = (count: number) =>
      say('orders', {
        lag: 0,
        share: { undelivered: { deadLettered: count, last: { ...last, reason: 'answered 503' } } },
      })
    const told = async (count: number) =>
      eventually(`${count} are told`, async () => {
        const { undelivered } = (await status()) as { undelivered?: { deadLettered?: number } }
        return undelivered?.deadLettered === count
      })
    failing(1)
    const [first] = await eventually('the first Event', async () => {
      const found = await events()
      return found.length > 0 && found
    })
    expect(first).toMatchObject({ of: 'orders', type: 'Warning', reason: 'DeadLettered' })
    expect(first?.message).toContain('1 event could not be delivered and went to the dead letter sink http://lost/.')
    expect(first?.message).toContain(`http://orders/: answered 503. Its fate: millrace trace A-1 -n ${ns}.`)
    for (let count = 50; count <= 1_000; count += 50) {
      failing(count)
      await pause(30)
    }
    say('other', { lag: 0, share: { undelivered: { parked: 1 } } })
    await told(1_000)
    await eventuallyPasses('the other one is told', async () =>
      expect((await events()).map(({ of, reason }) => `${of} ${reason}`).sort()).toEqual([
        'orders DeadLettered',
        'other Parked',
      ]),
    )
    expect(condition(await status())).toBe('True')

    await rig.stopPlane()
    startPlane()
    await eventually('the next leader is idle', () => rig.plane?.idle)
    await pause(500)
    expect(await events()).toHaveLength(2)

    failing(1_001)
    await eventually('it is told by the next leader', async () => (await events()).length === 3)
    failing(1_010)
    await told(1_010)
    expect(await events()).toHaveLength(3)
    state.lateMs = 300_000
    failing(1_011)
    await eventuallyPasses('five minutes later', async () =>
      expect((await events()).map(({ message }) => message)).toContainEqual(
        expect.stringMatching(/^10 events since \d{4}-.* could not be delivered/),
      ),
    )
    expect(await events()).toHaveLength(4)
  })
}

function condition({ conditions }: Told): string | undefined {
  return conditions?.find(({ type }) => type === 'Ready')?.status
}
