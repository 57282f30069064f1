import { parseArgs } from 'node:util'
import { startKafka } from '../test/support/kafka-process.ts'
import { controlPlane } from './control-plane.ts'
import { delayed } from './delayed.ts'
import { deliver } from './deliver.ts'
import { drain } from './drain.ts'
import { edit } from './edit.ts'
import { endToEnd } from './end-to-end.ts'
import { fanOut } from './fan-out.ts'
import { ingress } from './ingress.ts'
import { journal } from './journal.ts'
import { match } from './match.ts'
import { memory } from './memory.ts'
import { outlets } from './outlets.ts'
import { overhead } from './overhead.ts'
import { table, type Figure } from './support/report.ts'
import { Scene } from './support/scene.ts'

/** Takes part on the Kafka of all, or starts what it needs itself. */
type Bench =
  | { readonly on: 'one broker'; readonly run: (scene: Scene, events: number) => Promise<readonly Figure[]> }
  | { readonly on: 'its own'; readonly run: (events: number) => Promise<readonly Figure[]> }

/** Each bench with the number of events that it takes. `onlyByName`: too long to run unasked. */
const benches = {
  match: { on: 'its own', run: match, events: 1_000_000 },
  ingress: { on: 'one broker', run: ingress, events: 200_000 },
  delayed: { on: 'its own', run: delayed, events: 200_000 },
  deliver: { on: 'one broker', run: deliver, events: 200_000 },
  drain: { on: 'one broker', run: drain, events: 1_000_000 },
  'fan-out': { on: 'one broker', run: fanOut, events: 200_000 },
  'end-to-end': { on: 'one broker', run: endToEnd, events: 10_000 },
  edit: { on: 'one broker', run: edit, events: 10_000 },
  memory: { on: 'one broker', run: memory, events: 1_000_000 },
  metrics: { on: 'one broker', run: overhead, events: 200_000 },
  journal: { on: 'its own', run: journal, events: 1_500_000 },
  // Outlets; some 5 minutes, and a Kubernetes API server
  outlets: { on: 'one broker', run: outlets, events: 10_000, onlyByName: true },
  // Triggers, and a tenth of them first; some 10 minutes, and a Kubernetes API server
  'control-plane': { on: 'its own', run: controlPlane, events: 10_000, onlyByName: true },
} as const satisfies Record<string, Bench & { readonly events: number; readonly onlyByName?: true }>

const usual = Object.keys(benches).filter((name) => !('onlyByName' in benches[name as keyof typeof benches]))

const help = `Measures Millrace beside its raw limit, in one run, on a real Kafka that it starts.
Usage: make bench [ARGS='NAME... --kafka HOST:PORT --scale X']
  NAME     ${usual.join(', ')} (default: these), outlets, control-plane
  --kafka  use this Kafka (default: one is started); "delayed" and "control-plane" start their own all the same
  --scale  take X times the number of events (outlets: of Outlets, control-plane: of Triggers), e.g. 0.1 for a first look`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean' }, kafka: { type: 'string' }, scale: { type: 'string', default: '1' } },
})
const unknown = positionals.filter((name) => !(name in benches))
if (values.help === true || unknown.length > 0) {
  console.log(unknown.length > 0 ? `no bench ${unknown.join(', ')}\n\n${help}` : help)
  process.exit(unknown.length > 0 ? 1 : 0)
}

// what was started ends with us, see startChild; Kafka and API servers look after that themselves
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.once(signal, () => process.exit(code))

// the image says so (Dockerfile): what we start inherits it
process.env['MALLOC_ARENA_MAX'] ??= '1'

const names = (positionals.length > 0 ? positionals : usual) as (keyof typeof benches)[]
const wanted = values.kafka === undefined && names.some((name) => benches[name].on === 'one broker')
await using kafka = wanted ? await startKafka() : null
const scene = new Scene(values.kafka ?? kafka?.bootstrap ?? '')
let met = true
for (const name of names) {
  const bench = benches[name]
  const events = Math.round(bench.events * Number(values.scale))
  console.error(`${name} …`)
  const figures = await (bench.on === 'its own' ? bench.run(events) : bench.run(scene, events))
  console.log(`${table(figures)}\n`)
  met &&= figures.every((figure) => figure.asked?.holds !== false || figure.void === true)
}
process.exitCode = met ? 0 : 1
