import { z } from 'zod'

/** A reference to an object (Knative KReference). Without a namespace: that of the object that refers. */
export const KReference = z.strictObject({
  apiVersion: z.string().min(1).describe('API group and version of the object, e.g. v1 or eventing.knative.dev/v1.'),
  kind: z.string().min(1).describe('Kind of the object, e.g. Service.'),
  name: z.string().min(1).describe('Name of the object.'),
  namespace: z.string().min(1).optional().describe('Namespace of the object; default: that of the referring object.'),
})
export type KReference = z.infer<typeof KReference>

/**
 * Where events go (Knative Destination): an object that has an address, or a URI. With `ref` the `uri` is relative to the address of the
 * object; alone it is absolute.
 */
export const Destination = z
  .strictObject({
    ref: KReference.optional().describe('An object with an address: a Service, a Knative Service, a Broker, ...'),
    uri: z.string().min(1).optional().describe('Absolute URL, or a path relative to the address of ref.'),
  })
  .superRefine(({ ref, uri }, issue) => {
    const complaint = destinationComplaint(ref !== undefined, uri)
    if (complaint !== null)
      issue.addIssue({ code: 'custom', path: uri === undefined ? [] : ['uri'], message: complaint })
  })
export type Destination = z.infer<typeof Destination>

const example = 'http://my-service.default.svc.cluster.local/path'

function destinationComplaint(hasRef: boolean, uri: string | undefined): string | null {
  if (uri === undefined) return hasRef ? null : `needs a ref (an object with an address) or a uri, e.g. ${example}`
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(uri)?.[1]
  if (hasRef) {
    if (scheme !== undefined) return 'beside ref it must be relative, e.g. /my-path; remove ref to use an absolute URL'
    return URL.canParse(uri, 'http://ref') ? null : 'is not a path that can be appended to the address of ref'
  }
  if (scheme === undefined) return `without ref it must be an absolute URL, e.g. ${example}`
  if (!/^https?$/i.test(scheme)) return `must begin with http:// or https://, not ${scheme}://`
  return URL.canParse(uri) ? null : `is not a URL, e.g. ${example}`
}
