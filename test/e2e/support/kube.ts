import { stringify } from 'yaml'
import { inject } from 'vitest'
import { eventually, type Patience } from '../../support/eventually.ts'
import { uniqueName } from '../../support/kafka.ts'
import { kubectl as run, tryKubectl as tryRun, type KubectlResult } from '../../support/kubectl.ts'
import type { Cluster } from './setup.ts'

/** The namespace that Millrace itself lives in. */
export const systemNamespace = 'knative-eventing'

/** Any Kubernetes object, as `kubectl get -o json` shows it. */
export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly uid?: string
    readonly resourceVersion?: string
    readonly generation?: number
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
    readonly finalizers?: readonly string[]
    readonly deletionTimestamp?: string
    readonly [other: string]: unknown
  }
  readonly spec?: Readonly<Record<string, unknown>>
  readonly status?: { readonly conditions?: readonly Condition[]; readonly [other: string]: unknown }
  readonly [other: string]: unknown
}

/** One of `status.conditions`. */
export interface Condition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
}

/** The cluster of this run. */
export function cluster(): Cluster {
  return inject('cluster')
}

/** Runs `kubectl ARGS` as administrator and gives what it prints. @throws Error with its words when it fails. */
export function kubectl(...args: readonly string[]): Promise<string> {
  return run(args, cluster())
}

/** Runs `kubectl ARGS` as administrator and gives what it printed, refused or not. */
export function tryKubectl(...args: readonly string[]): Promise<KubectlResult> {
  return tryRun(args, cluster())
}

/** A manifest as YAML text (also several, between `---`) or as objects. */
export type Manifest = string | readonly object[]

/** `kubectl apply` of a manifest; `namespace` for objects that name none. Gives what kubectl prints. @throws Error when it is refused. */
export function apply(manifest: Manifest, namespace?: string): Promise<string> {
  return run(['apply', ...inNamespace(namespace), '-f', '-'], { ...cluster(), stdin: yamlOf(manifest) })
}

/** As {@link apply}, for a manifest that may be refused. */
export function tryApply(manifest: Manifest, namespace?: string): Promise<KubectlResult> {
  return tryRun(['apply', ...inNamespace(namespace), '-f', '-'], { ...cluster(), stdin: yamlOf(manifest) })
}

/** The object, or null when there is none. `kind` as kubectl takes it: `deployment`, `brokers.eventing.knative.dev`. */
export async function get(kind: string, name: string, namespace?: string): Promise<KubeObject | null> {
  const found = await kubectl('get', kind, name, ...inNamespace(namespace), '-o', 'json', '--ignore-not-found')
  return found === '' ? null : (JSON.parse(found) as KubeObject)
}

/** All objects of a kind in a namespace, by kubectl's selectors if given (`-l`, `app=x`). */
export async function list(kind: string, namespace?: string, ...selectors: readonly string[]): Promise<KubeObject[]> {
  const found = await kubectl('get', kind, ...inNamespace(namespace), ...selectors, '-o', 'json')
  return (JSON.parse(found) as { items: KubeObject[] }).items
}

export function condition(object: KubeObject | null, type: string): Condition | undefined {
  return object?.status?.conditions?.find((one) => one.type === type)
}

/** Where a Broker that is Ready takes events. */
export function addressOf(broker: KubeObject): string {
  const address = broker.status?.['address'] as { readonly url: string } | undefined
  if (address === undefined) throw new Error(`${broker.metadata.name} has no address`)
  return address.url
}

/**
 * Waits until an object has a condition, and gives the object: `Ready` or `Ready=True`, `Ready=False`, or a function of its own.
 * Status of an older generation does not count where the object tells which one it belongs to.
 *
 *     const broker = await waitFor('broker', 'default', 'Ready', { namespace })
 *
 * @throws Error with the conditions that were seen last, when the deadline (default 60 s) has passed.
 */
export async function waitFor(
  kind: string,
  name: string,
  wanted: string | ((object: KubeObject) => boolean),
  options: Patience & { readonly namespace?: string } = {},
): Promise<KubeObject> {
  const holds = typeof wanted === 'string' ? hasCondition(wanted) : wanted
  const what = `${kind} ${name}${typeof wanted === 'string' ? ` is ${wanted}` : ''}`
  return await eventually(
    what,
    async () => {
      const object = await get(kind, name, options.namespace)
      if (object !== null && holds(object)) return object
      throw new Error(object === null ? 'no such object' : JSON.stringify(object.status ?? 'no status'))
    },
    { withinMs: options.withinMs ?? 60_000, everyMs: options.everyMs ?? 200 },
  )
}

function hasCondition(wanted: string): (object: KubeObject) => boolean {
  const [type = '', status = 'True'] = wanted.split('=')
  return (object) => {
    const seen = object.status?.['observedGeneration']
    const current = seen === undefined || seen === object.metadata.generation
    return current && condition(object, type)?.status === status
  }
}

/** A namespace of a test's own. */
export interface TestNamespace extends AsyncDisposable {
  readonly name: string
}

/** Namespaces whose state is printed when a test fails. */
export const watchedNamespaces = new Set<string>()

/** Makes a namespace with a name that no other test uses; it is deleted, and waited for, at the end of its scope. */
export async function createNamespace(
  prefix: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<TestNamespace> {
  const name = uniqueName(prefix)
  await apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }])
  watchedNamespaces.add(name)
  return { name, [Symbol.asyncDispose]: () => deleteNamespace(name) }
}

/**
 * Deletes a namespace and all in it. @throws Error that says what is left in it, when the deadline (default 90 s) has passed: often a
 * finalizer that nobody releases.
 */
export async function deleteNamespace(name: string, withinMs = 90_000): Promise<void> {
  await kubectl('delete', 'namespace', name, '--ignore-not-found', '--wait=false')
  await eventually(
    `namespace ${name} is gone`,
    async () => {
      const left = await get('namespace', name)
      if (left !== null) throw new Error(JSON.stringify(left.status?.conditions ?? left.metadata))
      return true
    },
    { withinMs, everyMs: 250 },
  )
  watchedNamespaces.delete(name)
}

function inNamespace(namespace: string | undefined): string[] {
  return namespace === undefined ? [] : ['--namespace', namespace]
}

function yamlOf(manifest: Manifest): string {
  return typeof manifest === 'string' ? manifest : manifest.map((object) => stringify(object)).join('---\n')
}
