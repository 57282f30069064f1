import type { Destination } from '../api/meta/reference.ts'

/** An address, or a sentence that says what is missing and what to do. */
export type Resolved = { readonly url: string } | { readonly missing: string }

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

/** The cluster-local address of a core Service, which needs no look-up: `http://<name>.<namespace>.svc.cluster.local`. */
export function serviceUrl({ name, namespace }: Pick<FullReference, 'name' | 'namespace'>): string {
  return `http://${name}.${namespace}.svc.cluster.local`
}

/**
 *     uri alone          → the uri
 *     ref alone          → the address of the object
 *     ref and uri        → the uri relative to that address, as RFC 3986 has it: `/path` replaces the path of the address
 */
export function destinationResolver(resolveReference: ResolveReference): Resolve {
  return ({ ref, uri }, namespace) => {
    if (ref === undefined) return uri === undefined ? { missing: 'neither ref nor uri is given' } : absolute(uri)
    const target = resolveReference({ ...ref, namespace: ref.namespace ?? namespace })
    if ('missing' in target || uri === undefined) return target
    const base = target.url
    return URL.canParse(uri, base)
      ? { url: new URL(uri, base).href }
      : { missing: `${uri} cannot be appended to ${base}` }
  }
}

function absolute(uri: string): Resolved {
  return URL.canParse(uri) ? { url: new URL(uri).href } : { missing: `${uri} is not an absolute URL` }
}
