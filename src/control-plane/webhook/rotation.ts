import { Fault } from '../../core/fault.ts'
import type { KubeClient, StoredObject } from '../../kube/client.ts'
import { kinds } from '../../kube/kinds.ts'
import { trustAuthorities } from './ca-bundle.ts'
import {
  dataOf,
  fingerprint,
  firstSet,
  readSet,
  renewAnnotation,
  servingAnnotation,
  withoutGone,
  type CertificateSet,
} from './certificate-secret.ts'
import type { CertificateParts } from './certificates.ts'
import { issue } from './issue.ts'
import { certificateSecretName } from './names.ts'
import { pause } from '../../kube/pause.ts'
import { nextStep, staged } from './rotation-step.ts'

/** What the leader needs besides what every replica has. */
export interface RotationParts extends CertificateParts {
  /** Identities of the replicas that may be asked now, this one or not. @see readyReplicas */
  readonly replicas: (signal: AbortSignal) => Promise<readonly string[]>
  /** How long API servers, and replicas that just start, are given to see what was written. Default 15,000 ms. */
  readonly settleMs?: number
}

/** How often a Secret is looked for that each replica makes when it starts, milliseconds. */
const missingMs = 100

/**
 * The leader's part, until `signal` aborts: keeps caBundle what the Secret says, renews certificates when two thirds of their life are over
 * (or the annotation `webhook.millrace.dev/renew` asks), and repairs a broken Secret. At rest it only reads.
 */
export async function rotateCertificates(parts: RotationParts, signal: AbortSignal): Promise<void> {
  const { logger, pollMs = 5_000 } = parts
  const rotation = new Rotation(parts)
  while (!signal.aborted) {
    try {
      const found = await rotation.step(signal)
      // A step is followed by a look at what it left: no pause between.
      if (found === 'written') continue
      // At the first install it comes in a moment, and until caBundle has its authority no Broker can be applied.
      if (found === 'missing') {
        await pause(Math.min(missingMs, pollMs), signal)
        continue
      }
    } catch (error) {
      if (signal.aborted) return
      const raced = error instanceof Fault && error.code === 'ApiConflict'
      if (!raced) logger.warn({ err: error }, 'the certificates of the webhooks could not be looked after; tried again')
    }
    await pause(pollMs, signal)
  }
}

class Rotation {
  readonly #parts: RotationParts
  readonly #bundle: Steady
  readonly #served: Steady

  constructor(parts: RotationParts) {
    this.#parts = parts
    const { clock, settleMs = 15_000 } = parts
    this.#bundle = new Steady(() => clock.monotonic(), settleMs)
    this.#served = new Steady(() => clock.monotonic(), settleMs)
  }

  /** What it came upon, or did, with the Secret. */
  async step(signal: AbortSignal): Promise<'missing' | 'written' | 'inOrder'> {
    const { client, namespace, names, clock } = this.#parts
    const secret = await client.get(kinds.secret, { namespace, name: certificateSecretName }, signal)
    // Each replica creates it when it is missing, this one too.
    if (secret === null) return 'missing'
    const set = readSet(secret)
    if (set === null) return this.#write(secret, firstSet(await issue(names, clock)), 'repaired', signal)
    const inPlace = await trustAuthorities(client, set.trusted, signal)
    const bundleSettled = this.#bundle.holds(inPlace ? set.trusted.join('') : null)
    const served = set.trusted.length > 1 && (await this.#servedByAll(secret, set, signal))
    const servedByAll = this.#served.holds(served ? set.serving.cert : null)
    const forced = secret.metadata.annotations?.[renewAnnotation] !== undefined
    const step = nextStep({ set, now: clock.now(), forced, names, bundleSettled, servedByAll })
    if (step.kind === 'none') return 'inOrder'
    const next = step.kind === 'stage' ? staged(set, await issue(names, clock)) : step.set
    return this.#write(secret, next, step.kind, signal)
  }

  async #servedByAll(secret: StoredObject, { serving }: CertificateSet, signal: AbortSignal): Promise<boolean> {
    const replicas = [...(await this.#parts.replicas(signal)), this.#parts.identity]
    const wanted = fingerprint(serving.cert)
    return replicas.every((replica) => secret.metadata.annotations?.[servingAnnotation(replica)] === wanted)
  }

  /** Guarded by resourceVersion: of two leaders one writes. */
  async #write(secret: StoredObject, set: CertificateSet, what: string, signal: AbortSignal): Promise<'written'> {
    const { client, identity, replicas, logger } = this.#parts
    const alive = [...(await replicas(signal)), identity]
    const { [renewAnnotation]: asked, ...annotations } = withoutGone(secret, alive)
    // A wish that comes while a renewal is under way is for the next one.
    const kept = asked !== undefined && what !== 'stage' ? { ...annotations, [renewAnnotation]: asked } : annotations
    const metadata = { ...secret.metadata, annotations: kept }
    await client.replace(kinds.secret, { ...secret, metadata, data: dataOf(set) }, signal)
    logger.info({ step: what, certificate: fingerprint(set.serving.cert) }, 'renewing the certificates of the webhooks')
    return 'written'
  }
}

/** Whether something has been the same for long enough, as far as this process has seen. */
class Steady {
  readonly #now: () => number
  readonly #ms: number
  #value: string | null = null
  #since = 0

  constructor(now: () => number, ms: number) {
    this.#now = now
    this.#ms = ms
  }

  /** Null never holds. */
  holds(value: string | null): boolean {
    if (value !== this.#value) this.#since = this.#now()
    this.#value = value
    return value !== null && this.#now() - this.#since >= this.#ms
  }
}

interface Pod {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
}

/** The controller's pods that the Service may send reviews to. */
export function readyReplicas(client: KubeClient, namespace: string): RotationParts['replicas'] {
  const labelSelector = 'app.kubernetes.io/name=millrace,app.kubernetes.io/component=controller'
  return async (signal) => {
    const { items } = await client.list(kinds.pod, { namespace, labelSelector }, signal)
    const ready = (pod: StoredObject): boolean =>
      (pod as Pod).status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
    return items.filter(ready).map(({ metadata }) => metadata.name)
  }
}
