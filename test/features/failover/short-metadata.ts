import { expect, it } from 'vitest'
import { systemClock as clock } from '../../../src/core/clock.ts'
import { decodeProgress } from '../../../src/data-plane/dispatcher/reading/progress.ts'
import { openKafkaLog } from '../../../src/kafka/kafka-log.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'
import { eventually } from '../../support/eventually.ts'
import type { RunningKafka } from '../../support/kafka-process.ts'
import { uniqueName } from '../../support/kafka.ts'
import { answer, Rig, startSubscriber, withTopic } from '../dispatcher-rig.ts'

const patience = { withinMs: 60_000 }

/** @param current a Kafka whose offset.metadata.max.bytes is 20. */
export function shortMetadataPromises(current: () => RunningKafka): void {
  it(
    'a Kafka that takes less metadata than we write: positions are committed all the same, also at a handover, and no fault is told',
    { timeout: 180_000 },
    async () => {
      const bootstrapServers = current().bootstrap
      const log = openKafkaLog({ bootstrapServers, clientId: 'test', clock, logger: createLogger('silent') })
      const hanging = new Set(['50', '52', '54', '56', '58', '60', '62', '64'])
      await using subscriber = await startSubscriber((got, response) => {
        if (!hanging.has(got.id)) answer(200)(got, response)
      })
      await using rig = await withTopic(new Rig(log, uniqueName('short'), 1, async () => {}))
      const outlet = rig.outlet(subscriber.url)
      const runner = rig.run([outlet])
      await rig.consuming(runner)
      await rig.send(100)
      const first = async () => (await rig.committed(outlet)) === 50
      await eventually('up to the first that hangs is committed', first, patience)
      expect(decodeProgress(0, await rig.metadata(outlet)).start.partitions).toBe(1)
      // more is finished beyond it, which cannot be written down; what can is still committed without delay
      hanging.delete('50')
      await rig.send(10, { from: 100 })
      await eventually('they came', () => subscriber.got.length === 110, patience)
      await runner.dispatcher.close({ deadlineMs: 2000, forGood: true })
      expect(await rig.committed(outlet)).toBe(50)
      expect(runner.reports.filter(({ fault }) => fault !== null)).toEqual([])
      hanging.clear()
      rig.run([outlet])
      await eventually('the end is committed', async () => (await rig.committed(outlet)) === 110, patience)
    },
  )
}
