import { outOfTime, readCertificates, readPrivateKey } from './pem.ts'

/** What signs in to Kafka, checked. The same shape as `Credential` of the contract. */
export interface KafkaCredential {
  tls?: { ca?: string; certificate?: string; key?: string }
  sasl?: { mechanism: SaslMechanism; username: string; password: string }
}

export type SaslMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
const mechanisms: readonly SaslMechanism[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']

/** What can be wrong with a Secret. SecretKeyMissing: only that something is not there. */
export type SecretReason = 'SecretKeyMissing' | 'SecretInvalid'

/** What was found. none: nothing signs in, PLAINTEXT. Problems are sentences without a secret in them. */
export type ReadCredential =
  | { readonly kind: 'none' }
  | { readonly kind: 'good'; readonly credential: KafkaCredential }
  | { readonly kind: 'faulty'; readonly reason: SecretReason; readonly problems: readonly string[] }

/** A value and how messages name it. `named`: someone says that it is there. */
export interface Field {
  readonly label: string
  readonly bytes: Uint8Array | undefined
  readonly named?: boolean
}

/** What a user gave, whatever form it had. */
export interface Given {
  readonly sasl?: { readonly mechanism: Field; readonly user: Field; readonly password: Field }
  readonly tls?: {
    readonly ca: Field
    readonly certificate: Field
    readonly key: Field
    /** No client certificate is wanted, also when there is one. */
    readonly skip: boolean
    /** What to say when there is none; undefined: that is in order. */
    readonly needed: string | undefined
  }
}

interface Problem {
  readonly missing: boolean
  readonly message: string
}

/** Far more than the authorities of a Kafka take. It is kept once for each Kafka that it is for, and all workers hold all of them. */
const mostKiB = 128

/** Checks all of it, and tells all that is wrong at once. Pure. */
export function builtOf({ sasl, tls }: Given, now: Date): ReadCredential {
  if (sasl === undefined && tls === undefined) return { kind: 'none' }
  const large = tooLarge([sasl?.mechanism, sasl?.user, sasl?.password, tls?.ca, tls?.certificate, tls?.key])
  if (large.length > 0) return { kind: 'faulty', reason: 'SecretInvalid', problems: large }
  const problems: Problem[] = []
  const credential: KafkaCredential = {}
  if (sasl !== undefined) {
    const read = saslOf(sasl, problems)
    if (read !== undefined) credential.sasl = read
  }
  if (tls !== undefined) credential.tls = tlsOf(tls, now, problems)
  if (problems.length === 0) return { kind: 'good', credential }
  const reason = problems.every(({ missing }) => missing) ? 'SecretKeyMissing' : 'SecretInvalid'
  return { kind: 'faulty', reason, problems: problems.map(({ message }) => message) }
}

function tooLarge(fields: readonly (Field | undefined)[]): readonly string[] {
  return fields.flatMap((field) =>
    field?.bytes === undefined || field.bytes.length <= mostKiB * 1024
      ? []
      : `${field.label} is larger than ${mostKiB} KiB; leave there only what signs in to this Kafka`,
  )
}

function saslOf(given: NonNullable<Given['sasl']>, problems: Problem[]): KafkaCredential['sasl'] {
  const mechanism = mechanismOf(given.mechanism, problems)
  // What else is needed depends on it.
  if (mechanism === undefined) return undefined
  const username = needed(given.user, problems)
  const password = needed(given.password, problems)
  for (const [field, value] of [
    [given.user, username],
    [given.password, password],
  ] as const)
    if (value?.includes('\0') === true)
      problems.push(invalid(`${field.label} holds a zero byte, which Kafka does not take`))
  return username === undefined || password === undefined ? undefined : { mechanism, username, password }
}

function mechanismOf(field: Field, problems: Problem[]): SaslMechanism | undefined {
  const written = text(field)
  if (written === undefined && field.named === true) {
    problems.push(missing(`${field.label} is missing: add it, one of ${mechanisms.join(', ')}`))
    return undefined
  }
  if (written === undefined || written === '') return 'PLAIN'
  const found = mechanisms.find((mechanism) => mechanism === written.toUpperCase())
  if (found !== undefined) return found
  const known = `it must be one of ${mechanisms.join(', ')}`
  const why =
    written.toUpperCase() === 'OAUTHBEARER' || written.toUpperCase() === 'AWS_MSK_IAM'
      ? `${field.label} is ${written.toUpperCase()}, which is not served: ${known}. MSK serves SCRAM-SHA-512 and client certificates beside IAM, Strimzi SCRAM-SHA-512 on another listener`
      : `${field.label} names no mechanism that is served: ${known}`
  problems.push(invalid(why))
  return undefined
}

function needed(field: Field, problems: Problem[]): string | undefined {
  const value = text(field, false)
  if (value === undefined) problems.push(missing(`${field.label} is missing: add it`))
  else if (value === '') problems.push(invalid(`${field.label} is empty`))
  else if (value.includes('\uFFFD')) problems.push(invalid(`${field.label} is not text in UTF-8`))
  return value
}

function tlsOf(given: NonNullable<Given['tls']>, now: Date, problems: Problem[]): NonNullable<KafkaCredential['tls']> {
  const ca = authorities(given.ca, now, problems)
  const client = clientOf(given, now, problems)
  return { ...(ca === undefined ? {} : { ca }), ...client }
}

/** Authorities that are past their time do no harm beside one that is not. */
function authorities(field: Field, now: Date, problems: Problem[]): string | undefined {
  const pem = text(field)
  if (pem === undefined) {
    if (field.named === true) problems.push(missing(`${field.label} is missing: add it`))
    return undefined
  }
  const read = readCertificates(pem)
  if (read.problem !== undefined) problems.push(invalid(`${field.label} ${read.problem}`))
  else if (read.value.every((certificate) => outOfTime(certificate, now) !== null)) {
    const why = read.value.map((certificate) => outOfTime(certificate, now))[0]
    problems.push(invalid(`${field.label}: the certificate of the authority ${why}; put the present one there`))
  }
  return pem
}

function clientOf(
  { certificate, key, skip, needed: advice }: NonNullable<Given['tls']>,
  now: Date,
  problems: Problem[],
): { certificate?: string; key?: string } {
  const [chain, secret] = [text(certificate), text(key)]
  if (skip) return {}
  if (chain === undefined && secret === undefined && certificate.named !== true && key.named !== true) {
    if (advice !== undefined) problems.push(missing(`${certificate.label} and ${key.label} are missing: ${advice}`))
    return {}
  }
  if (chain === undefined)
    problems.push(missing(`${certificate.label} is missing: certificate and key belong together`))
  if (secret === undefined) problems.push(missing(`${key.label} is missing: certificate and key belong together`))
  if (chain === undefined || secret === undefined) return {}
  checkPair(certificate, chain, key, secret, now, problems)
  return { certificate: chain, key: secret }
}

function checkPair(
  certificate: Field,
  chain: string,
  key: Field,
  secret: string,
  now: Date,
  problems: Problem[],
): void {
  const certificates = readCertificates(chain)
  const privateKey = readPrivateKey(secret)
  if (certificates.problem !== undefined) problems.push(invalid(`${certificate.label} ${certificates.problem}`))
  if (privateKey.problem !== undefined) problems.push(invalid(`${key.label} ${privateKey.problem}`))
  if (certificates.problem !== undefined || privateKey.problem !== undefined) return
  const [leaf] = certificates.value
  if (leaf === undefined) return
  if (!leaf.checkPrivateKey(privateKey.value)) {
    const first = certificates.value.length > 1 ? ' (the first certificate must be that of the client)' : ''
    problems.push(invalid(`${certificate.label} and ${key.label} do not belong together${first}`))
  }
  const late = outOfTime(leaf, now)
  if (late !== null)
    problems.push(invalid(`${certificate.label}: the certificate ${late}; put a present one there, with its key`))
}

/** As text; a line break at the end, which editors and `echo` leave there, is none of it. `trim`: nor are blanks. */
export function text({ bytes }: Field, trim = true): string | undefined {
  if (bytes === undefined) return undefined
  const value = new TextDecoder('utf-8', { ignoreBOM: false }).decode(bytes)
  return trim ? value.trim() : withoutLineBreaks(value)
}

/** By hand: what a Secret holds may be a megabyte of line breaks, over which a regular expression takes hours. */
function withoutLineBreaks(value: string): string {
  let end = value.length
  while (value[end - 1] === '\n') end -= value[end - 2] === '\r' ? 2 : 1
  return value.slice(0, end)
}

function missing(message: string): Problem {
  return { missing: true, message }
}

function invalid(message: string): Problem {
  return { missing: false, message }
}
