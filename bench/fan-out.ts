import type { Figure } from './support/report.ts'
import type { Scene } from './support/scene.ts'
import { startSubscriber } from './support/subscriber.ts'

const partitions = 10
const outlets = 100
/** Measured in turns, so that what else the machine does meets both alike. */
const rounds = 2

/** One Outlet alone, and the same one among 99 whose filters, each on an attribute of its own, match nothing. CPU until the process has ended: commits included. */
export async function fanOut(scene: Scene, events: number): Promise<readonly Figure[]> {
  const topic = await scene.topic(partitions)
  await scene.fill(topic, partitions, events, { attribute0: 'yes' })
  let [alone, among] = [0, 0]
  for (let round = 0; round < rounds; round++) {
    alone += (await whole(scene, topic, 1, events)) / rounds
    among += (await whole(scene, topic, outlets, events)) / rounds
  }
  const bench = 'fan-out'
  return [
    {
      bench,
      what: `CPU a delivery, 1 of ${outlets} matches`,
      value: among,
      limit: alone,
      unit: 'µs',
      asked: { text: '≤ 1.2 × one Trigger alone', holds: among <= alone * 1.2 },
    },
  ]
}

async function whole(scene: Scene, topic: string, count: number, events: number): Promise<number> {
  await using subscriber = await startSubscriber()
  const routes = Array.from({ length: count }, (_, i) =>
    scene.outlet(topic, subscriber.url, { filter: { attributes: { [`attribute${i}`]: 'yes' } } }),
  )
  const dispatcher = scene.dispatcher(scene.routes({ outlets: routes }))
  const reading = { cpu: 0 }
  await subscriber.reached(events / 5, () => (reading.cpu = dispatcher.cpuMs()))
  await subscriber.reached(events)
  // Let what is dirty be committed, then end: the last positions are committed then, and that counts.
  await dispatcher.stop()
  return ((dispatcher.cpuMs() - reading.cpu) * 1000) / (events - events / 5)
}
