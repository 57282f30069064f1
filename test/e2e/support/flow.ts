import { eventually, type Patience } from '../../support/eventually.ts'
import type { Outcome } from '../app/send.ts'
import { deployTestApp, type TestApp } from './app.ts'
import { addressOf, apply, createNamespace, waitFor } from './kube.ts'

/** A Broker `default`, a Trigger `all` that takes every event, and the application that gets them, in a namespace of its own. */
export interface Flow extends AsyncDisposable {
  readonly namespace: string
  /** Of the Broker. */
  readonly url: string
  readonly app: TestApp
}

/** Makes a flow and resolves when all of it is Ready. */
export async function createFlow(prefix: string): Promise<Flow> {
  const namespace = await createNamespace(prefix)
  try {
    const { name } = namespace
    await apply('{apiVersion: eventing.knative.dev/v1, kind: Broker, metadata: {name: default}}', name)
    await apply([triggerToRecorder('all')], name)
    const app = await deployTestApp(name)
    const broker = await waitFor('broker', 'default', 'Ready', { namespace: name })
    await waitFor('trigger', 'all', 'Ready', { namespace: name })
    const url = addressOf(broker)
    return { namespace: name, url, app, [Symbol.asyncDispose]: () => namespace[Symbol.asyncDispose]() }
  } catch (error) {
    await namespace[Symbol.asyncDispose]()
    throw error
  }
}

/** A Trigger for every event of Broker `default`, to the application of {@link createFlow}. */
export function triggerToRecorder(name: string): object {
  const subscriber = { ref: { apiVersion: 'v1', kind: 'Service', name: 'recorder' } }
  return {
    apiVersion: 'eventing.knative.dev/v1',
    kind: 'Trigger',
    metadata: { name },
    spec: { broker: 'default', subscriber },
  }
}

/** What came of what was accepted. */
export interface Arrival {
  readonly accepted: number
  /** Accepted and never delivered, though we waited. */
  readonly lost: readonly string[]
  /** Deliveries beyond the first of each event. */
  readonly duplicates: number
}

/** Compares what a sender of `prefix` was promised with what arrived; waits until nothing is missing, or for `withinMs`. */
export async function arrival(
  app: TestApp,
  prefix: string,
  { sent, refused }: Outcome,
  { withinMs = 60_000 }: Patience = {},
): Promise<Arrival> {
  const rejected = new Set(refused)
  const accepted = Array.from({ length: sent }, (_, i) => `${prefix}-${i}`).filter((id) => !rejected.has(id))
  const look = async () => {
    const ids = (await app.ids()).filter((id) => id?.startsWith(`${prefix}-`))
    const seen = new Set(ids)
    return { lost: accepted.filter((id) => !seen.has(id)), duplicates: ids.length - seen.size }
  }
  await eventually('all that was accepted arrives', async () => (await look()).lost.length === 0, {
    withinMs,
    everyMs: 500,
  }).catch(() => undefined)
  return { accepted: accepted.length, ...(await look()) }
}
