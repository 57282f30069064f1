import { randomBytes } from 'node:crypto'
import { onTestFinished } from 'vitest'
import type {
  KubeClient,
  KubeObject,
  ObjectName,
  Resource,
  StoredObject,
  WatchEvent,
  WatchOptions,
} from '../../../src/kube/client.ts'
import { Fault } from '../../../src/core/fault.ts'
import { kinds } from '../../../src/kube/kinds.ts'
import { eventually } from '../../support/eventually.ts'

/** An API server that the suite runs on. */
export interface KubeUnderTest {
  readonly client: KubeClient
  /** A client of its own, for tests that close it. */
  another(): KubeClient
  /** A version of widgets that a watch can no longer begin at. */
  tooOldVersion(): Promise<string>
  close(): Promise<void>
}

/** A custom resource of the suite: any spec and status, with status subresource. */
export const widgets: Resource = {
  group: 'suite.millrace.dev',
  version: 'v1',
  plural: 'widgets',
  kind: 'Widget',
  namespaced: true,
}

/** A kind that is not installed. */
export const ghosts: Resource = { ...widgets, plural: 'ghosts', kind: 'Ghost' }

/** Never aborted. */
export const signal = new AbortController().signal

type Content = Partial<Omit<KubeObject, 'metadata'>> & { readonly metadata?: Partial<KubeObject['metadata']> }

/** A namespace of its own for a test. */
export async function makeNamespace({ client }: KubeUnderTest): Promise<string> {
  const name = `suite-${randomBytes(5).toString('hex')}`
  await client.create(kinds.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, signal)
  return name
}

export function widget({ namespace, name }: ObjectName, { metadata, ...content }: Content = {}): KubeObject {
  return {
    apiVersion: 'suite.millrace.dev/v1',
    kind: 'Widget',
    metadata: { namespace, name, ...metadata },
    spec: { size: 1 },
    ...content,
  }
}

export function configMap({ namespace, name }: ObjectName, { metadata, ...content }: Content = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name, ...metadata }, ...content }
}

export function version({ metadata }: StoredObject): number {
  return Number(metadata.resourceVersion)
}

/** The fault that `work` ends with. @throws Error when it does not end with one. */
export async function faultOf(work: Promise<unknown>): Promise<Fault> {
  try {
    const value = await work
    throw new Error(`no fault, but ${JSON.stringify(value)}`)
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
}

export async function codeOf(work: Promise<unknown>): Promise<string> {
  return (await faultOf(work)).code
}

/** A watch of a test. */
export interface Watched {
  readonly events: readonly WatchEvent[]
  /** How it ended. */
  readonly ended: Promise<unknown>
  /** Waits for so many events besides bookmarks, and gives them as `modified name`. */
  has(count: number): Promise<readonly string[]>
  /** The objects of the events besides bookmarks. */
  objects(): readonly StoredObject[]
}

/** Watches until the test is finished. */
export function watching(client: KubeClient, resource: Resource, options: WatchOptions): Watched {
  const events: WatchEvent[] = []
  const controller = new AbortController()
  onTestFinished(() => controller.abort())
  const changes = (): (WatchEvent & { object: StoredObject })[] =>
    events.flatMap((event) => (event.type === 'bookmark' ? [] : [event]))
  const ended = client
    .watch(resource, options, (event) => void events.push(event), controller.signal)
    .then(
      () => 'ended',
      (error: unknown) => (error instanceof Fault ? error.code : error),
    )
  return {
    events,
    ended,
    has: async (count) => {
      await eventually(`${count} events`, () => changes().length >= count)
      return changes().map(({ type, object }) => `${type} ${object.metadata.name}`)
    },
    objects: () => changes().map(({ object }) => object),
  }
}

/** The version of now: a watch from here sees what is done after this call. */
export async function versionNow({ client }: KubeUnderTest, resource: Resource): Promise<string> {
  return (await client.list(resource, { limit: 1 }, signal)).resourceVersion
}
