import { fails, holds, waits, type Condition } from '../api/meta/condition.ts'
import type { Destination, ReferenceReason } from '../api/meta/reference.ts'
import type { Target } from '../contract/outlet.ts'

/** No address: a sentence that says what is missing and what to do. */
export interface Missing {
  readonly missing: string
  /** Default ReferenceNotResolved. */
  readonly reason?: 'KindNotInstalled' | 'ReferenceForbidden'
  /** We could not look: the object may well be there, so what was resolved before stays in force. */
  readonly unknown?: boolean
}

/** An address. */
export interface Located {
  readonly url: string
  /** Whom to trust there, PEM. */
  readonly CACerts?: string
  /** What is worth knowing about it, a sentence. */
  readonly note?: string
  /** It says that it speaks HTTP/2 without TLS. */
  readonly protocol?: 'h2c'
}

/** An address, or none. */
export type Resolved = Located | Missing

/** The address as an Outlet has it. */
export function targetOf({ url, protocol }: Located): Target {
  return protocol === undefined ? { url } : { url, protocol }
}

/** A reference with its namespace filled in. */
export interface FullReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly namespace: string
}

/** Port: the address of an object. A cluster asks the API server, `millrace dev` its flags. */
export type ResolveReference = (ref: FullReference) => Resolved

/** Resolves a whole Destination of an object in `namespace`. */
export type Resolve = (destination: Destination, namespace: string) => Resolved

/** The cluster-local address of a core Service: `http://<name>.<namespace>.svc.cluster.local`. */
export function serviceUrl(
  { name, namespace }: Pick<FullReference, 'name' | 'namespace'>,
  clusterDomain = 'cluster.local',
): string {
  return `http://${name}.${namespace}.svc.${clusterDomain}`
}

/**
 *     uri alone          → the uri
 *     ref alone          → the address of the object
 *     ref and uri        → the uri relative to that address, as RFC 3986 has it: `/path` replaces the path of the address
 */
export function destinationResolver(resolveReference: ResolveReference): Resolve {
  return ({ ref, uri }, namespace) => {
    if (ref === undefined) return uri === undefined ? { missing: 'neither ref nor uri is given' } : absolute(uri)
    const target = resolveReference({ ...ref, namespace: ref.namespace || namespace })
    if ('missing' in target || uri === undefined) return target
    const base = target.url
    return URL.canParse(uri, base)
      ? elsewhere(target, new URL(uri, base))
      : { missing: `${uri} cannot be appended to ${base}` }
  }
}

/** What is known of a server holds for it alone. */
function elsewhere({ protocol, ...target }: Located, { href: url, origin }: URL): Located {
  const same = protocol !== undefined && origin === new URL(target.url).origin
  return { ...target, url, ...(same ? { protocol } : {}) }
}

/** The condition of a Destination of the field `path`. */
export function unresolved<Type extends string>(
  type: Type,
  path: string,
  { missing, reason, unknown = false }: Missing,
): Condition<Type, ReferenceReason | 'Pending'> {
  const message = `${path}: ${missing}`
  // To be refused is a fault that someone must mend; not to know yet is none.
  return unknown && reason !== 'ReferenceForbidden'
    ? waits(type, 'Pending', message)
    : fails(type, reason ?? 'ReferenceNotResolved', message)
}

/** The condition of a Destination that has an address. */
export function resolvedTo<Type extends string>(
  type: Type,
  path: string,
  { note }: { readonly note?: string },
): Condition<Type, ReferenceReason> {
  if (note === undefined) return holds(type)
  return { ...holds(type), reason: 'ServicePortMissing', message: `${path}: ${note}` }
}

function absolute(uri: string): Resolved {
  return URL.canParse(uri) ? { url: new URL(uri).href } : { missing: `${uri} is not an absolute URL` }
}
