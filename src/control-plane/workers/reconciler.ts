import type { KafkaCluster } from '../../contract/source.ts'
import type { Clock } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import { applyChild, managedBy } from '../../kube/child.ts'
import { kinds } from '../../kube/kinds.ts'
import type { KubeClient, ObjectName, Resource, StoredObject } from '../../kube/client.ts'
import type { Outcome, Reconciler } from '../../kube/reconciler.ts'
import { nameOf } from '../../kube/store.ts'
import type { Store } from '../../kube/store.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { adviceFor } from './advice.ts'
import { children, withReplicas } from './children.ts'
import type { Child } from './children.ts'
import { ingressServices } from './ingress.ts'
import { ensureToken } from './lineage.ts'
import type { WorkersInput } from './pod.ts'
import type { MainCluster } from '../credentials/main-cluster.ts'
import { readSettings } from './settings.ts'
import { settingsName, type Role, type WorkerSettings } from './settings.ts'
import { olderTracing, readTracing, tracingNames, tracingOf, type TracingTarget } from './tracing.ts'

/** What became of the objects of one worker. */
export type WorkerState =
  | { readonly kind: 'ok' }
  /** An object of someone else has the name of one of ours: nothing of it is changed. */
  | { readonly kind: 'notOurs'; readonly message: string }
  /** The API server does not take it. */
  | { readonly kind: 'refused'; readonly message: string }

/** What there is to say about the workers' objects. Whether their pods are Ready is for the pods to say. */
export interface WorkersSummary {
  readonly ingress: WorkerState
  readonly dispatcher: WorkerState
  /** Of the Service that the addresses of Brokers name. */
  readonly address: WorkerState
  /** What is wrong in the ConfigMap; as long as something is, the last good settings are in force. */
  readonly problems: readonly string[]
  /** What is wrong with what is said of traces, and in which ConfigMap. */
  readonly tracing: readonly Complaint[]
  /** Why nobody can be told what became of events. */
  readonly lineage: readonly Complaint[]
}

interface Complaint {
  /** Name of the ConfigMap that it is about. */
  readonly about: string
  readonly reason: string
  readonly message: string
}

export interface WorkersReconcilerOptions extends Omit<WorkersInput, 'settings' | 'kafka' | 'tracing'> {
  /** The ConfigMaps of {@link tracingNames}; absent: nobody looks at them. */
  readonly tracingMaps?: Pick<Store, 'get'>
  /** Where Kafka is for all Brokers that name no other. */
  readonly mainCluster?: Pick<MainCluster, 'current'>
  readonly client: KubeClient
  /** The children as they are, in the system namespace, those of others included. */
  readonly stores: ReadonlyMap<Resource, Store>
  readonly events: { event(object: StoredObject, type: 'Normal' | 'Warning', reason: string, message: string): void }
  readonly clock: Clock
  readonly logger: Logger
  /** Called when it differs from the last one. */
  report(summary: WorkersSummary): void
}

/** Whatever the API server refuses for what it is may be taken later: a quota is raised, a policy goes. */
const refusedAgainMs = 60_000
/** An API server forgets an Event after an hour: what lasts is told again, milliseconds. */
const toldAgainMs = 1_800_000

/**
 *     ConfigMap config-millrace → settings → children (pure) → applyChild: absent: made, ours: repaired, of others: left alone, and said
 *
 * Its object is that ConfigMap, whether it exists or not.
 */
export function workersReconciler(options: WorkersReconcilerOptions): Reconciler {
  let lastGood: WorkerSettings | null = null
  let lastKafka: KafkaCluster | undefined
  let lastTracing: TracingTarget | undefined
  let said = ''
  let saidAt = 0

  const tracing = (): readonly Complaint[] => {
    const data = (name: string) => {
      const map = options.tracingMaps?.get({ namespace: options.namespace, name })
      return (map?.['data'] ?? {}) as Record<string, unknown>
    }
    const [current, older] = [data(tracingNames.current), data(tracingNames.older)]
    const { target, problems } = readTracing(current)
    if (problems.length === 0) lastTracing = target ?? undefined
    // broken since before we started
    else
      lastTracing ??= tracingOf(
        options.stores.get(kinds.deployment)?.get({ namespace: options.namespace, name: 'millrace-ingress' }),
      )
    return tracingComplaints(problems, lastTracing, olderTracing(older, current))
  }

  const say = (configMap: StoredObject | undefined, summary: WorkersSummary): void => {
    const now = JSON.stringify(summary)
    const again = now === said
    if (again && options.clock.monotonic() - saidAt < toldAgainMs) return
    said = now
    saidAt = options.clock.monotonic()
    if (!again) options.report(summary)
    for (const { about, reason, message } of complaints(summary)) {
      options.logger.warn({ reason }, message)
      const { namespace, tracingMaps } = options
      const object = about === settingsName ? configMap : tracingMaps?.get({ namespace, name: about })
      if (object !== undefined) options.events.event(object, 'Warning', reason, message)
    }
  }

  return {
    async reconcile(_key: ObjectName, configMap: StoredObject | undefined, signal: AbortSignal): Promise<Outcome> {
      const { settings, problems } = readSettings((configMap?.['data'] ?? {}) as Record<string, unknown>)
      if (problems.length === 0) lastGood = settings
      // Broken since before we started: what runs was built from good settings once, so it stays as it is.
      const keep = problems.length > 0 && lastGood === null
      // an address that is taken away, or written wrong, is no reason to start all dispatchers anew
      lastKafka = options.mainCluster?.current() ?? lastKafka
      const kafka = lastKafka === undefined ? {} : { kafka: lastKafka }
      const wrong = tracing()
      const traces = lastTracing === undefined ? {} : { tracing: lastTracing }
      const input: WorkersInput = { ...options, ...kafka, ...traces, settings: lastGood ?? settings }
      const results = await Promise.all(children(input).map((child) => applied(options, child, keep, signal)))
      // last, and whatever becomes of it the rest is told: workers do without it
      const token = input.settings.lineage.enabled ? await ensureToken(options.client, options, signal) : null
      const summary: WorkersSummary = {
        ingress: worst('ingress', results),
        dispatcher: worst('dispatcher', results),
        address: results.find(({ name }) => name === addressed)?.state ?? { kind: 'ok' },
        problems,
        tracing: wrong,
        lineage: typeof token === 'string' ? [{ about: settingsName, reason: 'LineageToken', message: token }] : [],
      }
      say(configMap, summary)
      const failed =
        results.find(({ fault }) => fault !== undefined)?.fault ?? (token instanceof Fault ? token : undefined)
      if (failed !== undefined) return { kind: 'failed', fault: failed }
      const refused = results.some(({ state }) => state.kind === 'refused')
      if (refused) return { kind: 'waiting', afterMs: refusedAgainMs }
      return complaints(summary).length > 0 ? { kind: 'waiting', afterMs: toldAgainMs } : { kind: 'settled' }
    },
  }
}

interface Result {
  readonly role: Role
  /** Kind and name of the child. */
  readonly name: string
  readonly state: WorkerState
  /** Trying again helps. */
  readonly fault?: Fault
}

async function applied(
  { client, stores }: WorkersReconcilerOptions,
  child: Child,
  keep: boolean,
  signal: AbortSignal,
): Promise<Result> {
  const { role, resource, configured } = child
  const store = stores.get(resource)
  if (store === undefined) throw new Error(`no store of ${resource.plural}`)
  const live = store.get(nameOf(child.desired))
  const ok: Result = { role, name: nameIn(child), state: { kind: 'ok' } }
  if (configured && keep && live !== undefined) return isOurs(live) ? ok : notOurs(child)
  const common = { client, store, owner: { labels: {} }, fieldManager: 'millrace', signal }
  const context = configured ? { ...common, complete: withReplicas } : common
  try {
    return (await applyChild(context, resource, child.desired)) === 'notOurs' ? notOurs(child) : ok
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    if (error.code !== 'ApiRefused' && error.code !== 'ApiForbidden') return { ...ok, fault: error }
    const message = `${title(child)} is not taken by the API server: ${error.message}${adviceFor(child.desired, error)}`
    return { ...ok, state: { kind: 'refused', message } }
  }
}

function isOurs({ metadata }: StoredObject): boolean {
  return Object.entries(managedBy).every(([key, value]) => metadata.labels?.[key] === value)
}

function notOurs(child: Child): Result {
  const labels = Object.entries(managedBy).map(([key, value]) => `${key}=${value}`)
  const message =
    `${title(child)} exists and is not of Millrace (it lacks the label ${labels.join()}), so nothing of it is changed; ` +
    `delete or rename it and Millrace makes its own`
  return { role: child.role, name: nameIn(child), state: { kind: 'notOurs', message } }
}

/** The child to which the addresses of Brokers lead. */
const addressed = `Service ${ingressServices[0]}`

function nameIn({ desired: { kind, metadata } }: Child): string {
  return `${kind} ${metadata.name}`
}

function title({ desired: { kind, metadata } }: Child): string {
  return `${kind} ${metadata.namespace}/${metadata.name}`
}

function worst(role: Role, results: readonly Result[]): WorkerState {
  const own = results.filter((result) => result.role === role).map(({ state }) => state)
  return own.find(({ kind }) => kind === 'refused') ?? own.find(({ kind }) => kind === 'notOurs') ?? { kind: 'ok' }
}

function complaints({ ingress, dispatcher, problems, tracing, lineage }: WorkersSummary): readonly Complaint[] {
  const about = settingsName
  const broken = problems.length === 0 ? [] : [{ about, reason: 'SettingsInvalid', message: brokenMessage(problems) }]
  const states = [ingress, dispatcher].flatMap((state) => {
    if (state.kind === 'ok') return []
    return [{ about, reason: state.kind === 'notOurs' ? 'NotOurs' : 'Refused', message: state.message }]
  })
  return [...broken, ...states, ...tracing, ...lineage]
}

function tracingComplaints(
  problems: readonly string[],
  inForce: TracingTarget | undefined,
  older: string | null,
): readonly Complaint[] {
  const { current, older: olderName } = tracingNames
  const message = inForce === undefined ? `no traces are sent: ${problems.join('; ')}` : brokenMessage(problems)
  const broken = { about: current, reason: 'TracingInvalid', message }
  const outdated = older === null ? [] : [{ about: olderName, reason: 'TracingOutdated', message: older }]
  return [...(problems.length === 0 ? [] : [broken]), ...outdated]
}

function brokenMessage(problems: readonly string[]): string {
  return `the last good settings stay in force until this is corrected: ${problems.join('; ')}`
}
