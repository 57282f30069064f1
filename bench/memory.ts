import { setTimeout as wait } from 'node:timers/promises'
import { runLoad } from './support/load.ts'
import type { Figure } from './support/report.ts'
import type { Scene } from './support/scene.ts'
import { startSubscriber } from './support/subscriber.ts'

const partitions = 10
/** The processes are looked at this long after their start, milliseconds. */
const idleMs = 15_000
const idleLimitMib = 120
const growth = 1.1

/** Memory of ingress and dispatcher: idle, after a fifth of the events and after all. */
export async function memory(scene: Scene, events: number): Promise<readonly Figure[]> {
  const topic = await scene.topic(partitions)
  await using subscriber = await startSubscriber()
  const server = await scene.ingress(scene.routes({ inlets: [scene.inlet(topic)] }))
  await using ingress = server.child
  await using dispatcher = scene.dispatcher(scene.routes({ outlets: [scene.outlet(topic, subscriber.url)] }))
  await wait(idleMs)
  const idle = { ingress: ingress.rssMib(), dispatcher: dispatcher.rssMib() }
  const early = { ingress: 0, dispatcher: 0 }
  const fifth = subscriber.reached(events / 5, () =>
    Object.assign(early, { ingress: ingress.rssMib(), dispatcher: dispatcher.rssMib() }),
  )
  await runLoad({ url: server.url, callers: 64, events })
  await fifth
  await subscriber.reached(events)
  const late = { ingress: ingress.rssMib(), dispatcher: dispatcher.rssMib() }
  return (['ingress', 'dispatcher'] as const).flatMap((process) => [
    {
      bench: 'memory',
      what: `${process} idle`,
      value: idle[process],
      unit: 'MiB',
      asked: { text: `< ${idleLimitMib} MiB`, holds: idle[process] < idleLimitMib },
    },
    {
      bench: 'memory',
      what: `${process} after ${events.toLocaleString('en')} events`,
      value: late[process],
      limit: early[process],
      unit: 'MiB',
      asked: { text: `≤ ${growth} × after a fifth`, holds: late[process] <= early[process] * growth },
    },
  ])
}
