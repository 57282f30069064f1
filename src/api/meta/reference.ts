import { z } from 'zod'
import { crd, structural, type Rule } from './structural.ts'

/** Far above what anybody writes: the API server refuses CEL rules about text that may be of any length. */
const longestUri = 4096

/**
 * Certificate authorities that a sender is told to trust, characters: Linux starts no program with a variable of 128 KiB, and what the annotations of
 * an object hold is bounded too. A bundle of one or two authorities has some 4 KiB.
 */
export const longestCACerts = 65_536

const example = 'http://my-service.default.svc.cluster.local/path'

const later = {
  reference: {
    group: structural(z.string().describe('Not yet: API group of the object, in place of apiVersion.')),
    address: structural(z.string().describe('Not yet: name of the one of its addresses that is meant.')),
  },
  destination: {
    CACerts: structural(z.string().describe('Not yet: certificate authorities to trust, PEM.')),
    audience: structural(z.string().describe('Not yet: audience of the OIDC token that requests carry.')),
  },
}

/** A reference to an object (Knative KReference). Without a namespace: that of the object that refers. */
export const KReference = z
  .strictObject({
    apiVersion: z.string().min(1).describe('API group and version of the object, e.g. v1 or eventing.knative.dev/v1.'),
    kind: z.string().min(1).describe('Kind of the object, e.g. Service.'),
    name: z.string().min(1).describe('Name of the object.'),
    namespace: z
      .string()
      .optional()
      .describe('Namespace of the object; default, also of an empty one: that of the referring object.'),
  })
  .meta(crd({ later: later.reference }))
export type KReference = z.infer<typeof KReference>

const destinationFields = {
  ref: KReference.optional().describe('An object with an address: a Service, a Knative Service, a Broker, ...'),
  uri: z.string().min(1).max(longestUri).optional().describe('Absolute URL, or a path relative to the address of ref.'),
}

/**
 * Where events go (Knative Destination): an object that has an address, or a URI. With `ref` the `uri` is relative to the address of the
 * object; alone it is absolute.
 */
export const Destination = z
  .strictObject(destinationFields)
  .superRefine(complain)
  .meta(crd({ later: later.destination, rules: destinationRules() }))
export type Destination = z.infer<typeof Destination>

const { CACerts: _served, ...laterOfSinks } = later.destination

/** A {@link Destination} whose sender is not ours: it is told whom to trust. */
export const SinkDestination = z
  .strictObject({
    ...destinationFields,
    CACerts: z
      .string()
      .regex(/^\s*-----BEGIN CERTIFICATE-----/, 'must be certificates in PEM: -----BEGIN CERTIFICATE----- …')
      .max(longestCACerts)
      .optional()
      .describe('Certificate authorities to trust there, PEM, in place of those that the object names.'),
  })
  .superRefine(complain)
  .meta(crd({ later: laterOfSinks, rules: destinationRules() }))
export type SinkDestination = z.infer<typeof SinkDestination>

function complain({ ref, uri }: { ref?: unknown; uri?: string | undefined }, issue: z.RefinementCtx): void {
  const complaint = destinationComplaint(ref !== undefined, uri)
  if (complaint !== null) issue.addIssue({ code: 'custom', path: uri === undefined ? [] : ['uri'], message: complaint })
}

/** The gist of {@link destinationComplaint}, for the API server. */
function destinationRules(): readonly Rule[] {
  return [
    {
      rule: 'has(self.ref) || has(self.uri)',
      message: `needs a ref (an object with an address) or a uri, e.g. ${example}`,
    },
    {
      rule: "has(self.ref) || !has(self.uri) || self.uri.matches('^(?i)https?://[^/]')",
      message: `without ref it must be an absolute URL that begins with http:// or https://, e.g. ${example}`,
      fieldPath: '.uri',
    },
    {
      rule: "!has(self.ref) || !has(self.uri) || !self.uri.matches('^[A-Za-z][A-Za-z0-9+.-]*://')",
      message: 'beside ref it must be relative, e.g. /my-path; remove ref to use an absolute URL',
      fieldPath: '.uri',
    },
  ]
}

function destinationComplaint(hasRef: boolean, uri: string | undefined): string | null {
  if (uri === undefined) return hasRef ? null : `needs a ref (an object with an address) or a uri, e.g. ${example}`
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(uri)?.[1]
  if (hasRef) {
    if (scheme !== undefined) return 'beside ref it must be relative, e.g. /my-path; remove ref to use an absolute URL'
    return URL.canParse(uri, 'http://ref') ? null : 'is not a path that can be appended to the address of ref'
  }
  if (scheme === undefined) return `without ref it must be an absolute URL, e.g. ${example}`
  if (!/^https?$/i.test(scheme)) return `must begin with http:// or https://, not ${scheme}://`
  // A browser's reader skips a third slash, and takes the path for the host.
  return URL.canParse(uri) && /^\w+:\/\/[^/\\]/.test(uri) ? null : `is not a URL, e.g. ${example}`
}

/** Why a Destination has no address. */
export type ReferenceReason =
  /** The object is not there, or has no address. */
  | 'ReferenceNotResolved'
  /** The API server does not know such a kind. */
  | 'KindNotInstalled'
  /** We may not read objects of this kind. */
  | 'ReferenceForbidden'
  /** It resolves, but the Service says no word of port 80. */
  | 'ServicePortMissing'
