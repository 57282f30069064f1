import { setTimeout as sleep } from 'node:timers/promises'
import { send } from './send.ts'

/** Sends JSON to K_SINK each second, for a minute: so that a Job ends. Without K_SINK it waits for the end. */
export async function produce(sink: string | undefined, source: string): Promise<void> {
  process.once('SIGTERM', () => process.exit(0))
  for (let n = 0; n < 60; n += 1) {
    if (sink !== undefined) {
      const outcome = await send({ url: sink, count: 1, source, prefix: `${process.pid}-${n}`, data: { n } })
      console.log(JSON.stringify(outcome.statuses))
    }
    await sleep(1_000)
  }
}
