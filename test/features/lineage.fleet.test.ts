import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { kafkaBootstrap, uniqueGroup, uniqueTopic } from '../support/kafka.ts'
import { startDispatcherWithLineage, startIngressWithLineage } from '../support/lineage.ts'
import { inletOn, outletOn, ownFolder, RoutesFile } from '../support/millrace.ts'
import { startRecorder } from '../support/recorder.ts'
import { sendEvents } from '../support/sender.ts'
import { createTopic } from '../support/topics.ts'

const kafka = kafkaBootstrap()

test('of two dispatchers the one that delivered says so, also when the partition has gone to the other', async () => {
  const topic = await createTopic(kafka, { name: uniqueTopic(), partitions: 2 })
  await using recorder = await startRecorder()
  const outlet = outletOn(topic, recorder.url)
  const routes = new RoutesFile({ inlets: [inletOn(topic)], outlets: [outlet] })
  const group = uniqueGroup()
  await using ingress = await startIngressWithLineage({ routes, kafka, folder: ownFolder() })
  // one folder for both: each has its own within
  const parts = { routes, kafka, folder: ownFolder(), group }
  await using a = await startDispatcherWithLineage({ ...parts, instance: 'a' })
  // a key for each: without one they may all go to one partition
  await sendEvents({ url: ingress.url, count: 40, attributes: (n) => ({ partitionkey: String(n) }) })
  await eventually('all have arrived', () => recorder.counts.size === 40)
  const accepted = (await ingress.lineage.remembered('3')).accepted[0]?.place
  if (accepted === undefined) throw new Error('nothing was accepted')
  const kindAt = async (worker: typeof a, partition: number) => {
    const { outlets } = await worker.lineage.standing({ topic, partition, offset: 0 })
    return outlets.map(({ standing }) => standing.kind).join()
  }
  await using b = await startDispatcherWithLineage({ ...parts, instance: 'b' })
  const moved = await eventually(
    'a partition has moved to b, which knows nothing of what was before',
    async () => {
      const kinds = await Promise.all([0, 1].map((partition) => kindAt(b, partition)))
      const partition = kinds.indexOf('passed')
      if (partition < 0) throw new Error(`b says of them: ${JSON.stringify(kinds)}`)
      return { partition }
    },
    { withinMs: 60_000 },
  )
  expect(await kindAt(a, moved.partition)).toBe('settled')
  expect(await kindAt(a, 1 - moved.partition)).toBe('settled')
  expect(await kindAt(b, 1 - moved.partition)).toBe('')
  expect((await a.lineage.remembered('3')).places).toEqual([accepted])
  expect((await b.lineage.remembered('3')).places).toEqual([])
  expect((await a.lineage.remembered('3')).worker).toBe('a')
})
