import { setTimeout as sleep } from 'node:timers/promises'
import { send } from './send.ts'

/**
 * Stands in for `wseventsource` of the third article, which passes on Bitcoin transactions as they are made known: five a second to the
 * address in SINK, whatever becomes of them, until it is stopped.
 */
export async function websocketSource(sink: string): Promise<never> {
  process.once('SIGTERM', () => process.exit(0))
  for (let n = 0; ; n += 1) {
    const transaction = { op: 'utx', x: { hash: n.toString(16).padStart(64, '0'), out: [{ value: 1000 + n }] } }
    await send({
      ...{ url: sink, count: 1, prefix: `transaction-${n}`, data: transaction },
      ...{ source: 'wss://ws.blockchain.info/inv', type: 'websocket-event' },
    })
    await sleep(200)
  }
}
