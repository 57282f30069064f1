import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { KubeObject, StoredObject } from '../../kube/client.ts'
import type { Issued, ServingCertificate } from './issue.ts'
import { certificateSecretName } from './names.ts'

/** Anything in this annotation of the Secret: make new certificates now. The leader takes it away. */
export const renewAnnotation = 'webhook.millrace.dev/renew'
/** `serving.webhook.millrace.dev/<replica>`: fingerprint of the certificate that this replica serves. */
const servingPrefix = 'serving.webhook.millrace.dev/'

/**
 * What the Secret holds:
 *
 *     ca.crt                the authorities to trust: what belongs into caBundle
 *     tls.crt, tls.key      what every replica serves
 *     next.crt, next.key    what they will serve, once its authority is in caBundle everywhere
 *     previous.crt          what some may still serve
 */
export interface CertificateSet {
  readonly trusted: readonly string[]
  readonly serving: ServingCertificate
  readonly next?: ServingCertificate
  readonly previous?: string
}

/** A set for the first time. */
export function firstSet({ ca, serving }: Issued): CertificateSet {
  return { trusted: [ca], serving }
}

/** Null when what is there cannot be served: missing, broken, of two minds. */
export function readSet(secret: KubeObject): CertificateSet | null {
  const data = (secret['data'] ?? {}) as Readonly<Record<string, string>>
  const text = (key: string): string => Buffer.from(data[key] ?? '', 'base64').toString()
  const serving = { cert: text('tls.crt'), key: text('tls.key') }
  const next = { cert: text('next.crt'), key: text('next.key') }
  const set = { trusted: authoritiesIn(text('ca.crt')), serving }
  if (!isWhole(serving, set.trusted)) return null
  return {
    ...set,
    ...(isWhole(next, set.trusted) ? { next } : {}),
    ...(parse(text('previous.crt')) === null ? {} : { previous: text('previous.crt') }),
  }
}

/** The certificates of a text that holds several (PEM). */
export function authoritiesIn(text: string): string[] {
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? []
  return found.map((ca) => `${ca.trim()}\n`)
}

/** `data` of the Secret. */
export function dataOf({ trusted, serving, next, previous }: CertificateSet): Record<string, string> {
  const files = {
    'ca.crt': trusted.join(''),
    'tls.crt': serving.cert,
    'tls.key': serving.key,
    ...(next === undefined ? {} : { 'next.crt': next.cert, 'next.key': next.key }),
    ...(previous === undefined ? {} : { 'previous.crt': previous }),
  }
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [name, Buffer.from(text).toString('base64')]))
}

/** The Secret for a first set. */
export function newSecret(namespace: string, set: CertificateSet): KubeObject {
  const labels = { 'app.kubernetes.io/name': 'millrace', 'app.kubernetes.io/component': 'controller' }
  const metadata = { name: certificateSecretName, namespace, labels }
  return { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata, data: dataOf(set) }
}

/** The authority of `set` that signed `cert`. */
export function authorityOf({ trusted }: Pick<CertificateSet, 'trusted'>, cert: string): string | undefined {
  return trusted.find((ca) => signs(ca, cert))
}

/** When it begins and ends to be good, milliseconds since 1970. */
export function lifeOf(cert: string): { readonly from: number; readonly to: number } {
  const { validFromDate, validToDate } = new X509Certificate(cert)
  return { from: validFromDate.getTime(), to: validToDate.getTime() }
}

/** Whether it is good for all of these DNS names and IP addresses. */
export function covers(cert: string, names: readonly string[]): boolean {
  const parsed = new X509Certificate(cert)
  return names.every((name) => (isIP(name) === 0 ? parsed.checkHost(name) : parsed.checkIP(name)) !== undefined)
}

export function fingerprint(cert: string): string {
  return new X509Certificate(cert).fingerprint256.replaceAll(':', '').slice(0, 32).toLowerCase()
}

/** The annotation in which `replica` says what it serves. */
export function servingAnnotation(replica: string): string {
  // The part behind the slash may have 63 characters.
  const name = replica.length <= 63 ? replica : createHash('sha256').update(replica).digest('hex').slice(0, 63)
  return servingPrefix + name
}

/** The annotations without what replicas said that are no more. */
export function withoutGone(
  { metadata: { annotations = {} } }: StoredObject,
  replicas: readonly string[],
): Record<string, string> {
  const alive = new Set(replicas.map(servingAnnotation))
  return Object.fromEntries(
    Object.entries(annotations).filter(([name]) => !name.startsWith(servingPrefix) || alive.has(name)),
  )
}

function isWhole({ cert, key }: ServingCertificate, trusted: readonly string[]): boolean {
  const parsed = parse(cert)
  if (parsed === null || !trusted.some((ca) => signs(ca, cert))) return false
  try {
    return parsed.checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}

function signs(ca: string, cert: string): boolean {
  const [authority, signed] = [parse(ca), parse(cert)]
  return authority !== null && signed !== null && signed.checkIssued(authority) && signed.verify(authority.publicKey)
}

function parse(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem)
  } catch {
    return null
  }
}
