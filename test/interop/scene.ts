import type { Outlet } from '../../src/contract/outlet.ts'
import { eventually } from '../support/eventually.ts'
import { uniqueGroup, uniqueTopic } from '../support/kafka.ts'
import { inletOn, outletOn, RoutesFile, startDispatcher, startIngress } from '../support/millrace.ts'
import { createTopic } from '../support/topics.ts'
import { caseNames, eventOf, modes, type, type EventSpec } from './cases.ts'
import { prepare, sdks, send, subscribe, type Outcome, type Report, type Sdk, type Sending } from './program.ts'
import { told, type Passage } from './quirks.ts'
import { startWitness, type Event } from './witness.ts'

/** What was seen when all SDKs had sent, answered and received everything. */
export interface Seen {
  /** Every event that was to come, by id. */
  readonly passages: ReadonlyMap<string, Passage>
  /** The events as a subscriber without SDK saw them, by id. */
  readonly witnessed: ReadonlyMap<string, readonly Event[]>
  readonly reports: Readonly<Record<Sdk, readonly Report[]>>
  /** What came of each sending, by id. */
  readonly outcomes: ReadonlyMap<string, Outcome>
  /** When it began and ended, milliseconds since 1970. */
  readonly span: readonly [number, number]
}

/** SDKs that write batches. */
export const batching: readonly Sdk[] = ['javascript', 'go']
/** Values that have to be percent-encoded in a header. */
const bareValues = { letters: '東京', percent: '100%' }
/** The type of events that a program is to answer in this mode. */
const askFor = (sdk: Sdk, mode: string) => `com.example.ask.${sdk}.${mode}`
/** The id of the event of a case on its way. */
export const idOf = ({ sdk, way, mode }: Omit<Passage, 'spec'>, name: string) =>
  `${sdk}/${way}/${mode}/${caseNames.indexOf(name)}`

/**
 *     program of an SDK: send ──► ingress ──► topic ──► dispatcher ──┬─► the subscribers of all SDKs, in both formats
 *                                               ▲                    ├─► witness
 *     an ask for an answer ─────────────────────┤                    └─► for an ask: the subscriber that it asks
 *                                               └──────────── answer ─────────┘
 */
export async function play(kafka: string): Promise<Seen> {
  const begin = Date.now()
  const commands = await forEach((sdk) => prepare(sdk))
  await using stack = new AsyncDisposableStack()
  const subscribers = await forEach(async (sdk) => stack.use(await subscribe(commands[sdk])))
  const witness = stack.use(await startWitness())
  const topic = await createTopic(kafka, { name: uniqueTopic(), partitions: 4 })
  const urls = await forEach((sdk) => Promise.resolve(subscribers[sdk].url))
  const routes = new RoutesFile({ inlets: [inletOn(topic)], outlets: outletsOn(topic, urls, witness.url) })
  const ingress = await startIngress(routes, kafka)
  stack.use(ingress.child)
  stack.use(startDispatcher(routes, kafka, 'interop', uniqueGroup()))

  const passages = allPassages()
  const outcomes = new Map<string, Outcome>()
  const sending = forEach(async (sdk) => {
    const jobs = [...sendingsOf(sdk, passages), ...bareSendings(sdk)]
    const came = await send(commands[sdk], ingress.url, jobs)
    jobs.forEach(({ events }, at) => {
      for (const { attributes } of events) outcomes.set(decodeURIComponent(String(attributes['id'])), came[at]!)
    })
  })
  const asking = [...passages.values()].filter(({ way }) => way === 'answered').map((one) => ask(ingress.url, one))
  await Promise.all(asking)
  await Promise.all([sending, ...asking])

  const wanted = passages.size
  const arrived = () => [
    witness.events.size,
    ...sdks.map((sdk) => subscribers[sdk].reports.filter(({ path }) => path.startsWith('/read/')).length / 2),
  ]
  // What is missing then is said by the tests, event by event.
  const patience = { withinMs: 120_000, everyMs: 50 }
  await eventually('everything has arrived', () => arrived().every((count) => count >= wanted), patience).catch(
    () => {},
  )
  const reports = await forEach((sdk) => Promise.resolve(subscribers[sdk].reports))
  return { passages, witnessed: witness.events, reports, outcomes, span: [begin, Date.now()] }
}

function outletsOn(topic: string, urls: Readonly<Record<Sdk, string>>, witness: string): Outlet[] {
  const { delivery } = outletOn(topic, witness)
  const outlet = (url: string, of: string, format: 'binary' | 'json' = 'binary') =>
    outletOn(topic, url, {
      filter: { attributes: { type: of } },
      replyTopic: topic,
      delivery: { ...delivery, retry: 0, format },
    })
  return [
    outlet(witness, type),
    ...sdks.flatMap((sdk) => [
      outlet(`${urls[sdk]}/read/binary`, type),
      outlet(`${urls[sdk]}/read/structured`, type, 'json'),
      ...modes.map((mode) => outlet(`${urls[sdk]}/answer/${mode}`, askFor(sdk, mode))),
    ]),
  ]
}

function allPassages(): Map<string, Passage> {
  const passages = new Map<string, Passage>()
  const add = (one: Omit<Passage, 'spec'>) => {
    for (const name of caseNames) passages.set(idOf(one, name), { ...one, spec: eventOf(name, idOf(one, name)) })
  }
  for (const sdk of sdks) {
    for (const mode of modes) for (const way of ['sent', 'answered'] as const) add({ sdk, way, mode })
    if (batching.includes(sdk)) add({ sdk, way: 'batched', mode: 'structured' })
  }
  return passages
}

function sendingsOf(sdk: Sdk, passages: ReadonlyMap<string, Passage>): Sending[] {
  const own = [...passages.values()].filter((one) => one.sdk === sdk)
  const singles = own.filter(({ way }) => way === 'sent')
  const batch = own.filter(({ way }) => way === 'batched').map(told)
  return [
    ...singles.map((one): Sending => ({ mode: one.mode, events: [told(one)] })),
    ...(batch.length === 0 ? [] : [{ mode: 'batch' as const, events: batch }]),
  ]
}

function bareSendings(sdk: Sdk): Sending[] {
  return Object.entries(bareValues).map(([name, subject]) => {
    const attributes = {
      specversion: '1.0',
      id: `${sdk}/${name}`,
      source: '/interop',
      type: 'com.example.bare',
      subject,
    }
    return { mode: 'binary', events: [{ attributes, data: null }] }
  })
}

async function ask(url: string, { sdk, mode, ...rest }: Passage): Promise<void> {
  const wanted: EventSpec = told({ sdk, mode, ...rest })
  const { status } = await fetch(url, {
    method: 'POST',
    headers: {
      ...{ 'ce-specversion': '1.0', 'ce-id': `ask ${String(wanted.attributes['id'])}`, 'ce-source': '/interop' },
      ...{ 'ce-type': askFor(sdk, mode), 'content-type': 'application/json' },
    },
    body: JSON.stringify(wanted),
  })
  if (status !== 202) throw new Error(`an event that asks ${sdk} was answered with ${status}`)
}

async function forEach<T>(of: (sdk: Sdk) => Promise<T>): Promise<Record<Sdk, T>> {
  const all = await Promise.all(sdks.map(async (sdk) => [sdk, await of(sdk)] as const))
  return Object.fromEntries(all) as Record<Sdk, T>
}
