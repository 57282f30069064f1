import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { KubeObject, Metadata, ObjectName, Resource, StoredObject } from '../client.ts'
import { nameOf } from '../store.ts'
import type { KindRules } from './kind-rules.ts'
import { refusals } from './refusals.ts'

/** Metadata that the server alone writes. */
interface ServerMetadata extends Metadata {
  readonly deletionGracePeriodSeconds?: number
}

/** An object as it begins, but for its version. @throws Fault ApiRefused */
export function begun(resource: Resource, object: KubeObject, rules: KindRules, now: string): KubeObject {
  const { generateName, resourceVersion, ...given } = object.metadata
  const name = given.name || (generateName === undefined ? '' : `${generateName}${randomUUID().slice(-5)}`)
  const key = nameOf({ metadata: { ...given, name } })
  if (resource.namespaced && key.namespace === '') {
    throw refusals.badRequest(`${resource.plural} ${name}: an empty namespace may not be set during creation`)
  }
  if (resourceVersion) throw refusals.badRequest('resourceVersion should not be set on objects to be created')
  const { deletionTimestamp: _, deletionGracePeriodSeconds: __, ...rest } = given as ServerMetadata
  const metadata: Metadata = {
    ...rest,
    name,
    ...(generateName === undefined ? {} : { generateName }),
    uid: randomUUID(),
    creationTimestamp: now,
    ...(rules.hasGeneration ? { generation: 1 } : {}),
  }
  const created = { ...object, metadata }
  checkNames(resource, created)
  return rules.hasStatus ? withStatus(created, undefined) : created
}

/**
 * `next` as it may follow `current`: what the server alone writes stays, status or all but status stays, generation counts.
 * @throws Fault ApiConflict, ApiRefused
 */
export function followed(
  resource: Resource,
  current: StoredObject,
  next: KubeObject,
  rules: KindRules,
  subresource: string | undefined,
): KubeObject {
  const key = nameOf(current)
  const { uid, resourceVersion } = next.metadata
  if (uid && uid !== current.metadata.uid) throw refusals.conflict(resource, key, `its uid is not ${uid}`)
  if (resourceVersion && resourceVersion !== current.metadata.resourceVersion) {
    throw refusals.conflict(resource, key, 'the object has been modified; apply your changes to the latest version')
  }
  if (subresource === 'status') return withStatus(current, next['status'])
  if (next.metadata.name !== key.name || (next.metadata.namespace ?? '') !== key.namespace) {
    throw refusals.badRequest(
      `the name of the object (${next.metadata.name}) does not match the name on the URL (${key.name})`,
    )
  }
  const kept = rules.hasStatus ? withStatus(next, current['status']) : next
  const object = { ...kept, metadata: { ...sent(kept.metadata), ...serverWritten(current.metadata) } }
  checkNames(resource, object)
  checkFinalizers(resource, current, object)
  if (!rules.hasGeneration || isDeepStrictEqual(counted(current, rules), counted(object, rules))) return object
  return withGeneration(object, (current.metadata.generation ?? 0) + 1)
}

/** `object` as it is once it is being deleted. */
export function condemned(object: StoredObject, finalizer: string | undefined, now: string): KubeObject {
  const { deletionTimestamp, generation, finalizers = [] } = object.metadata
  const metadata = {
    ...object.metadata,
    ...(finalizer === undefined || finalizers.includes(finalizer) ? {} : { finalizers: [...finalizers, finalizer] }),
    ...(deletionTimestamp === undefined ? { deletionTimestamp: now, deletionGracePeriodSeconds: 0 } : {}),
  }
  if (deletionTimestamp !== undefined || generation === undefined) return { ...object, metadata }
  return withGeneration({ ...object, metadata }, generation + 1)
}

/** Whether two objects are the same to whoever reads them. */
export function isUnchanged(current: KubeObject, next: KubeObject): boolean {
  return isDeepStrictEqual(current, {
    ...next,
    metadata: { ...next.metadata, resourceVersion: current.metadata.resourceVersion },
  })
}

function serverWritten(metadata: ServerMetadata): Partial<ServerMetadata> {
  const { uid, creationTimestamp, generation, deletionTimestamp, deletionGracePeriodSeconds } = metadata
  const written = { uid, creationTimestamp, generation, deletionTimestamp, deletionGracePeriodSeconds }
  return Object.fromEntries(Object.entries(written).filter(([, value]) => value !== undefined))
}

/** What a client may say. */
function sent(metadata: ServerMetadata): Metadata {
  const written = new Set(Object.keys(serverWritten(metadata)))
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => !written.has(name))) as unknown as Metadata
}

function counted(object: KubeObject, { hasStatus }: KindRules): object {
  const { metadata: _, ...content } = hasStatus ? withStatus(object, undefined) : object
  return content
}

function withGeneration(object: KubeObject, generation: number): KubeObject {
  return { ...object, metadata: { ...object.metadata, generation } }
}

function withStatus(object: KubeObject, status: unknown): KubeObject {
  const { status: _, ...rest } = object
  return status === undefined ? rest : { ...rest, status }
}

const dnsSubdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const labelValue = /^([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?$/

function checkNames(resource: Resource, { metadata }: KubeObject): void {
  const key: ObjectName = nameOf({ metadata })
  if (metadata.name.length > 253 || !dnsSubdomain.test(metadata.name)) {
    throw refusals.invalid(resource, key, `metadata.name: a lowercase RFC 1123 subdomain of at most 253 characters`)
  }
  for (const [name, value] of Object.entries(metadata.labels ?? {})) {
    if (labelValue.test(value)) continue
    throw refusals.invalid(
      resource,
      key,
      `metadata.labels: ${name}: ${value}: must be no more than 63 bytes of A-Z a-z 0-9 - _ .`,
    )
  }
}

function checkFinalizers(resource: Resource, { metadata: was }: StoredObject, { metadata: is }: KubeObject): void {
  const added = (is.finalizers ?? []).filter((finalizer) => !was.finalizers?.includes(finalizer))
  if (was.deletionTimestamp === undefined || added.length === 0) return
  const why = `metadata.finalizers: no new finalizers can be added if the object is being deleted: ${added.join(', ')}`
  throw refusals.invalid(resource, nameOf({ metadata: is }), why)
}
