import type { Clock } from '../../core/clock.ts'
import { retryBackoffMs } from '../../core/backoff.ts'
import { Fault } from '../../core/fault.ts'
import type { KubeClient, StoredObject } from '../../kube/client.ts'
import { kinds } from '../../kube/kinds.ts'
import type { Logger } from '../../telemetry/logger.ts'
import {
  fingerprint,
  firstSet,
  newSecret,
  readSet,
  servingAnnotation,
  type CertificateSet,
} from './certificate-secret.ts'
import { issue, type ServingCertificate } from './issue.ts'
import { certificateSecretName } from './names.ts'
import { pause } from '../../kube/pause.ts'

/** What a server serves with, and when that changes. */
export interface CertificateSource {
  /** Null: there is none yet. */
  current(): ServingCertificate | null
  /** Calls `listener` after each change. Returns the way to stop. */
  subscribe(listener: () => void): () => void
}

/** What a replica needs to have certificates. */
export interface CertificateParts {
  readonly client: KubeClient
  /** The system namespace. */
  readonly namespace: string
  /** Of this replica: the name of its pod. */
  readonly identity: string
  /** DNS names and IP addresses that the API server calls us by. @see webhookNames */
  readonly names: readonly string[]
  readonly clock: Clock
  readonly logger: Logger
  /** How often the Secret is read. Default 5,000 ms. */
  readonly pollMs?: number
}

/** The names of the Service of the webhooks. */
export function webhookNames(namespace: string, serviceName = 'millrace-webhook'): string[] {
  const name = `${serviceName}.${namespace}`
  return [serviceName, name, `${name}.svc`, `${name}.svc.cluster.local`]
}

/**
 * Has the certificate that the Secret holds, from now until `signal` aborts; every replica runs this.
 *
 *     read the Secret ─┬─ is there: serve what it holds, say so in an annotation of it
 *                      └─ is not: create it (two at once: one wins, the other reads), with what we serve already, or new
 *
 * While the API server is away, or the Secret is broken, what was served is served on. Renewal is up to the leader.
 * @see rotateCertificates
 */
export function followCertificates(parts: CertificateParts, signal: AbortSignal): CertificateSource {
  const held = new Held()
  void follow(parts, held, signal)
  return held
}

/** What this replica has, and who wants to know. */
class Held implements CertificateSource {
  set: CertificateSet | null = null
  readonly #listeners = new Set<() => void>()

  current(): ServingCertificate | null {
    return this.set?.serving ?? null
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** @returns whether another certificate is served now. */
  take(set: CertificateSet): boolean {
    const changed = this.set?.serving.cert !== set.serving.cert
    this.set = set
    if (changed) for (const listener of this.#listeners) listener()
    return changed
  }
}

async function follow(parts: CertificateParts, held: Held, signal: AbortSignal): Promise<void> {
  const { logger, pollMs = 5_000 } = parts
  let failures = 0
  while (!signal.aborted) {
    try {
      await look(parts, held, signal)
      failures = 0
    } catch (error) {
      if (signal.aborted) return
      failures += 1
      logger.warn({ err: error }, 'the certificate of the webhooks could not be read; it is tried again')
    }
    await pause(failures === 0 ? pollMs : retryBackoffMs(failures, { capMs: pollMs }), signal)
  }
}

async function look(parts: CertificateParts, held: Held, signal: AbortSignal): Promise<void> {
  const secret = await readOrCreate(parts, held, signal)
  const set = readSet(secret)
  if (set === null) {
    const message = 'the Secret of the webhooks is broken; the leader makes a new one'
    if (held.set === null) parts.logger.error({ secret: certificateSecretName }, message)
    return
  }
  if (held.take(set)) parts.logger.info({ certificate: fingerprint(set.serving.cert) }, 'webhooks serve a certificate')
  await acknowledge(parts, secret, set, signal)
}

async function readOrCreate(
  { client, namespace, names, clock, logger }: CertificateParts,
  held: Held,
  signal: AbortSignal,
): Promise<StoredObject> {
  const key = { namespace, name: certificateSecretName }
  const found = await client.get(kinds.secret, key, signal)
  if (found !== null) return found
  const set = held.set ?? firstSet(await issue(names, clock))
  try {
    const created = await client.create(kinds.secret, newSecret(namespace, set), signal)
    logger.info({ secret: certificateSecretName }, 'made the certificates of the webhooks')
    return created
  } catch (error) {
    if (!(error instanceof Fault && error.code === 'ApiAlreadyExists')) throw error
    const winner = await client.get(kinds.secret, key, signal)
    if (winner === null) throw error
    return winner
  }
}

/** The leader lets an old authority go when every replica has said so: written only when it changes. */
async function acknowledge(
  { client, namespace, identity }: CertificateParts,
  { metadata: { annotations } }: StoredObject,
  { serving }: CertificateSet,
  signal: AbortSignal,
): Promise<void> {
  const name = servingAnnotation(identity)
  const value = fingerprint(serving.cert)
  if (annotations?.[name] === value) return
  const body = { metadata: { annotations: { [name]: value } } }
  await client.patch(kinds.secret, { namespace, name: certificateSecretName }, { kind: 'merge', body }, signal)
}
