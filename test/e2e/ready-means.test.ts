import { beforeAll, describe, expect, it } from 'vitest'
import { eventuallyPasses } from '../support/eventually.ts'
import { deployTestApp } from './support/app.ts'
import { addressOf, apply, createNamespace, waitFor } from './support/kube.ts'
import { installMillrace } from './support/millrace.ts'
import { watchReady } from './support/watch.ts'

const waves = 10
const perWave = 10

beforeAll(installMillrace)

describe('Ready means that events flow', () => {
  it('delivers the one event that is sent the moment a Trigger is Ready, 100 times of 100', async () => {
    await using namespace = await createNamespace('ready')
    const { name } = namespace
    const app = await deployTestApp(name)
    await apply('{apiVersion: eventing.knative.dev/v1, kind: Broker, metadata: {name: default}}', name)
    const broker = await waitFor('broker', 'default', 'Ready', { namespace: name })
    const url = addressOf(broker)
    await using watch = watchReady('triggers', name)
    const times: number[] = []
    const oneEvent = async (trigger: string, applied: number): Promise<void> => {
      times.push((await watch.ready(trigger)) - applied)
      const outcome = await app.send({ url, count: 1, prefix: trigger, type: trigger })
      expect(outcome.refused).toEqual([])
    }

    const triggers: string[] = []
    for (let wave = 0; wave < waves; wave += 1) {
      const names = Array.from({ length: perWave }, (_, i) => `trigger-${wave}-${i}`)
      triggers.push(...names)
      const applied = performance.now()
      await apply(names.map(triggerOf), name)
      await Promise.all(names.map((trigger) => oneEvent(trigger, applied)))
    }

    const wanted = triggers.map((trigger) => `/${trigger} ${trigger}-0`).sort()
    await eventuallyPasses('each has its event, once', async () => {
      const got = (await app.records()).map(({ path, headers }) => `${path} ${headers['ce-id']}`)
      expect(got.sort()).toEqual(wanted)
    })
    times.sort((a, b) => a - b)
    const at = (share: number) => Math.round(times[Math.floor((times.length - 1) * share)] ?? 0)
    console.log(
      `from apply to Ready, ${perWave} Triggers at once: median ${at(0.5)} ms, p90 ${at(0.9)} ms, longest ${at(1)} ms`,
    )
  })
})

/** A Trigger for the events of its own type, delivered to a path of its own. */
function triggerOf(name: string): object {
  const subscriber = { ref: { apiVersion: 'v1', kind: 'Service', name: 'recorder' }, uri: `/${name}` }
  const spec = { broker: 'default', filter: { attributes: { type: name } }, subscriber }
  return { apiVersion: 'eventing.knative.dev/v1', kind: 'Trigger', metadata: { name }, spec }
}
