/**
 * Sends events of the shape of blockchain.info's unconfirmed transactions: no network needed.
 * K_SINK: where to (default: the Broker of `millrace dev`). RATE: events per second (default 2).
 */
import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'

const sink = process.env['K_SINK'] ?? 'http://127.0.0.1:8080/knative-eventing-websocket-source/default'
const rate = Number(process.env['RATE'] ?? 2)

/** One coin that moves: satoshi, mostly little, sometimes a lot. */
const coin = (n: number) => ({
  spent: true,
  tx_index: 0,
  type: 0,
  addr: `1${randomBytes(16).toString('hex')}`,
  value: randomInt(1_000, randomInt(4) === 0 ? 500_000_000 : 50_000_000),
  n,
  script: `76a914${randomBytes(20).toString('hex')}88ac`,
})

function transaction() {
  const inputs = Array.from({ length: randomInt(1, 4) }, (_, n) => ({
    sequence: 4_294_967_295,
    prev_out: coin(n),
    script: randomBytes(36).toString('hex'),
  }))
  const out = Array.from({ length: randomInt(1, 3) }, (_, n) => coin(n))
  const hash = randomBytes(32).toString('hex')
  return {
    op: 'utx',
    x: {
      lock_time: 0,
      ver: 2,
      size: 225,
      inputs,
      time: Math.floor(Date.now() / 1000),
      vin_sz: inputs.length,
      hash,
      vout_sz: out.length,
      relayed_by: '0.0.0.0',
      out,
    },
  }
}

async function send(): Promise<string> {
  const response = await fetch(sink, {
    method: 'POST',
    headers: {
      'ce-specversion': '1.0',
      'ce-id': randomUUID(),
      'ce-type': 'websocket-event',
      'ce-source': 'wss://ws.blockchain.info/inv',
      'content-type': 'application/json',
    },
    body: JSON.stringify(transaction()),
  })
  return response.status === 202 ? '' : `${response.status} ${await response.text()}`
}

process.once('SIGTERM', () => process.exit())
console.log(`${rate} transactions a second to ${sink}`)
for (let last = ''; ; await wait(1000 / rate)) {
  const problem = await send().catch((error: unknown) => `cannot reach ${sink}: ${String(error)}`)
  if (problem !== last) console.log(problem || 'accepted')
  last = problem
}
