import { setTimeout as sleep } from 'node:timers/promises'

/** Sends an order a second to K_SINK, whatever that is. It hard-codes nothing. */
const { K_SINK: sink, K_CE_OVERRIDES: overrides = '', EVERY_MS: everyMs = '1000' } = process.env
if (sink === undefined) throw new Error('K_SINK is not set: apply a SinkBinding whose subject is this program')

const { extensions = {} } = JSON.parse(overrides === '' ? '{}' : overrides) as { extensions?: Record<string, string> }
const added: Record<string, string> = {}
for (const [name, value] of Object.entries(extensions)) added[`ce-${name}`] = value

for (let n = 1; ; n += 1) {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'ce-specversion': '1.0',
    'ce-id': `${process.pid}-${n}`,
    'ce-source': '/producer',
    'ce-type': 'com.example.order',
    ...added,
  }
  const answer = await fetch(sink, { method: 'POST', headers, body: JSON.stringify({ order: n }) }).catch(String)
  console.log(`order ${n}: ${typeof answer === 'string' ? answer : answer.status}`)
  await sleep(Number(everyMs))
}
