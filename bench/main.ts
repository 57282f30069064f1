import { parseArgs } from 'node:util'
import { startKafka } from '../test/support/kafka-process.ts'
import { deliver } from './deliver.ts'
import { endToEnd } from './end-to-end.ts'
import { fanOut } from './fan-out.ts'
import { ingress } from './ingress.ts'
import { memory } from './memory.ts'
import { table, type Figure } from './support/report.ts'
import { Scene } from './support/scene.ts'

/** Each bench with the number of events that it takes. */
const benches = {
  ingress: { run: ingress, events: 200_000 },
  deliver: { run: deliver, events: 200_000 },
  'fan-out': { run: fanOut, events: 200_000 },
  'end-to-end': { run: endToEnd, events: 10_000 },
  memory: { run: memory, events: 1_000_000 },
} as const satisfies Record<
  string,
  { run: (scene: Scene, events: number) => Promise<readonly Figure[]>; events: number }
>

const help = `Measures Millrace beside its raw limit, in one run, on a real Kafka that it starts.
Usage: make bench [ARGS='NAME... --kafka HOST:PORT --scale X']
  NAME     ${Object.keys(benches).join(', ')} (default: all)
  --kafka  use this Kafka (default: one is started)
  --scale  take X times the number of events, e.g. 0.1 for a first look`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean' }, kafka: { type: 'string' }, scale: { type: 'string', default: '1' } },
})
const unknown = positionals.filter((name) => !(name in benches))
if (values.help === true || unknown.length > 0) {
  console.log(unknown.length > 0 ? `no bench ${unknown.join(', ')}\n\n${help}` : help)
  process.exit(unknown.length > 0 ? 1 : 0)
}

const names = (positionals.length > 0 ? positionals : Object.keys(benches)) as (keyof typeof benches)[]
await using kafka = values.kafka === undefined ? await startKafka() : null
const scene = new Scene(values.kafka ?? kafka?.bootstrap ?? '')
const figures: Figure[] = []
for (const name of names) {
  const { run, events } = benches[name]
  console.error(`${name} …`)
  figures.push(...(await run(scene, Math.round(events * Number(values.scale)))))
}
console.log(table(figures))
process.exitCode = figures.some((figure) => figure.asked?.holds === false && figure.void !== true) ? 1 : 0
