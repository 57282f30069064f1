import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { kinds } from '../src/kube/kinds.ts'
import type { Child } from '../test/support/child.ts'
import { startKafka } from '../test/support/kafka-process.ts'
import { apiWrites, type Samples } from './baseline/api-writes.ts'
import { AuditLog, told, total, type Writes } from './support/audit.ts'
import { Cluster, system } from './support/cluster.ts'
import { Latencies } from './support/latency.ts'
import { runLoad } from './support/load.ts'
import type { Figure } from './support/report.ts'
import { startSubscriber } from './support/subscriber.ts'
import { brokerOf, brokers, namespaceOf, Users, usersAtOnce } from './support/users.ts'

const bench = 'control-plane'
/** Workers are looked at this long after the last Trigger is Ready, milliseconds. */
const settleMs = 15_000
const restMs = 60_000
const moreTriggers = 5
/** Events a second while Triggers are added one by one. */
const rate = 50
/** What ours may have under way: users, controller, dispatcher. */
const atOnce = usersAtOnce + 16 + 8

interface Ours {
  readonly readyMs: number
  readonly brokersMs: number
  readonly writes: Writes
  readonly atRest: Writes
  readonly first: Latencies
  readonly controllerPeak: number
  readonly ingress: readonly [number, number]
  readonly dispatcher: readonly [number, number]
  readonly cpu: { readonly controller: number; readonly dispatcher: number; readonly api: number }
  readonly samples: Samples
}

interface Raw {
  readonly readyMs: number
  readonly apiCpuMs: number
}

/**
 * Triggers over 100 Brokers, applied at once: how long until all are Ready, what it costs the API server, and how large processes grow.
 *
 *     100 Brokers ─► a Trigger each ─► memory ─► all Triggers: time, writes ─► one more under load: first event ─► rest: no writes
 *     then on another API server, with nobody who looks on: the same writes by a bare client
 */
export async function controlPlane(triggers: number): Promise<readonly Figure[]> {
  const few = Math.max(1, Math.round(triggers / 10))
  return [...(await scene(few)), ...(await scene(triggers))]
}

async function scene(triggers: number): Promise<readonly Figure[]> {
  const ours = await ourTime(triggers)
  const events = ours.writes.get('create events') ?? 0
  const bare = await raw(triggers, events, ours.samples)
  return figures(triggers, ours, bare)
}

async function ourTime(triggers: number): Promise<Ours> {
  await using kafka = await startKafka({ heapMib: 1_024 })
  await using cluster = await Cluster.start()
  await using subscriber = await startSubscriber()
  const controller = await cluster.install(kafka.bootstrap)
  const ingress = await cluster.ingress()
  const dispatcher = await cluster.dispatcher()
  using users = new Users(cluster.client)
  const audit = new AuditLog(cluster.api.auditLog ?? '')

  await users.createNamespaces()
  const brokersMs = await timed(() => users.createBrokers().then(() => users.ready('Broker', brokers)))
  await users.createTriggers('early', brokers, subscriber.url)
  await users.ready('Trigger', brokers)
  await wait(settleMs)
  const memory = (): readonly [number, number] => [ingress.child.rssMib(), dispatcher.rssMib()]
  const early = memory()

  const cpuNow = () => ({ controller: controller.cpuMs(), dispatcher: dispatcher.cpuMs(), api: cluster.apiCpuMs() })
  const before = cpuNow()
  const from = await audit.end()
  const readyMs = await timed(() =>
    users.createTriggers('all', triggers, subscriber.url).then(() => users.ready('Trigger', brokers + triggers)),
  )
  const after = cpuNow()
  const cpu = {
    controller: after.controller - before.controller,
    dispatcher: after.dispatcher - before.dispatcher,
    api: after.api - before.api,
  }
  await wait(settleMs)
  const to = await audit.end()
  const first = await oneMore(users, ingress.url)
  await wait(settleMs)
  const samples = await samplesOf(cluster)
  const restFrom = await audit.end()
  await wait(restMs)
  const late = memory()
  return {
    readyMs,
    brokersMs,
    first,
    samples,
    cpu,
    writes: await audit.writes(from, to),
    atRest: await audit.writes(restFrom, await audit.end(), true),
    controllerPeak: peakMib(controller),
    ingress: [early[0], late[0]],
    dispatcher: [early[1], late[1]],
  }
}

/** Events come all the time; Triggers are applied one after the other. From the apply to the first event that is delivered. */
async function oneMore(users: Users, ingress: string): Promise<Latencies> {
  const first = new Latencies()
  const url = `${ingress}/${namespaceOf(0)}/${brokerOf(0)}`
  const seconds = moreTriggers * 3 + 2
  const sending = runLoad({ url, callers: 16, rate, events: rate * seconds })
  await wait(2_000)
  for (let n = 0; n < moreTriggers; n++) {
    await using subscriber = await startSubscriber()
    const next = wait(3_000)
    const began = performance.now()
    await users.createTrigger(0, `more-${n}`, subscriber.url, 'com.example.order.placed')
    await Promise.race([subscriber.reached(1), wait(30_000, null, { ref: false })])
    first.add(performance.now() - began)
    await users.deleteTrigger(0, `more-${n}`)
    await next
  }
  await sending
  return first
}

async function raw(triggers: number, events: number, samples: Samples): Promise<Raw> {
  await using cluster = await Cluster.start({ without: 'everybody' })
  using users = new Users(cluster.client)
  await users.createNamespaces()
  const before = cluster.apiCpuMs()
  const readyMs = await apiWrites(cluster.api, { triggers, events, atOnce, namespaceOf, samples })
  return { readyMs, apiCpuMs: cluster.apiCpuMs() - before }
}

async function samplesOf({ client }: Cluster): Promise<Samples> {
  const { signal } = new AbortController()
  const trigger = await client.get(kinds.trigger, { namespace: namespaceOf(0), name: 'all-0' }, signal)
  if (trigger === null) throw new Error('Trigger all-0 is gone')
  const outlet = await client.get(kinds.outlet, { namespace: system, name: trigger.metadata.uid }, signal)
  if (outlet === null) throw new Error('Trigger all-0 has no Outlet')
  const { items } = await client.list(kinds.event, { limit: 1 }, signal)
  return { trigger, outlet, event: items[0] }
}

function figures(triggers: number, ours: Ours, bare: Raw): readonly Figure[] {
  const n = triggers.toLocaleString('en')
  const writes = total(ours.writes) / triggers
  const outlets = (triggers + brokers).toLocaleString('en')
  const ratio = ours.readyMs / bare.readyMs
  const resting = new Map([...ours.atRest].filter(([what]) => !what.endsWith(' leases')))
  console.error(`${n} Triggers: ${told(ours.writes)}`)
  if (resting.size > 0) console.error(`at rest: ${told(resting)}`)
  const small = (role: 'ingress' | 'dispatcher', at: 0 | 1, limit: number): Figure => {
    const value = ours[role][at]
    const what = `${role} at ${at === 0 ? brokers : outlets} Outlets`
    return { bench, what, value, unit: 'MiB', asked: { text: `≤ ${limit} MB`, holds: value * 1.048576 <= limit } }
  }
  const peak = ours.controllerPeak
  const slowest = ours.first.quantile(1)
  return [
    { bench, what: `${brokers} Brokers Ready`, value: ours.brokersMs / 1000, unit: 's' },
    {
      bench,
      what: `${n} Triggers Ready`,
      value: ours.readyMs / 1000,
      limit: bare.readyMs / 1000,
      unit: 's',
      asked: { text: '≤ 2 × the bare client', holds: ratio <= 2 },
    },
    { bench, what: 'writes a Trigger', value: writes, unit: '', asked: { text: '≤ 5', holds: writes <= 5 } },
    {
      bench,
      what: 'CPU a Trigger, API server and etcd',
      value: ours.cpu.api / triggers,
      limit: bare.apiCpuMs / triggers,
      unit: 'ms',
    },
    { bench, what: 'CPU a Trigger, controller', value: ours.cpu.controller / triggers, unit: 'ms' },
    { bench, what: 'CPU a Trigger, dispatcher', value: ours.cpu.dispatcher / triggers, unit: 'ms' },
    {
      bench,
      what: `controller, peak at ${n}`,
      value: peak,
      unit: 'MiB',
      asked: { text: '< 500 MB', holds: peak * 1.048576 < 500 },
    },
    small('ingress', 0, 120),
    small('dispatcher', 0, 120),
    small('ingress', 1, 250),
    small('dispatcher', 1, 250),
    { bench, what: 'one Trigger more: first event, median', value: ours.first.quantile(0.5), unit: 'ms' },
    {
      bench,
      what: `the same, slowest of ${moreTriggers}`,
      value: slowest,
      unit: 'ms',
      asked: { text: '< 1 s', holds: slowest < 1_000 },
    },
    {
      bench,
      what: `writes in ${restMs / 1000} s of rest, but Leases`,
      value: total(resting),
      unit: '',
      asked: { text: 'none', holds: resting.size === 0 },
    },
  ]
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const begin = performance.now()
  await act()
  return performance.now() - begin
}

/** Resident memory at its highest. */
function peakMib({ pid }: Child): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}
