import { authorityOf, covers, lifeOf, type CertificateSet } from './certificate-secret.ts'
import type { Issued } from './issue.ts'

/** All that the next step of a renewal depends on. */
export interface RotationView {
  readonly set: CertificateSet
  /** Milliseconds since 1970. */
  readonly now: number
  /** Somebody asked for new certificates. */
  readonly forced: boolean
  readonly names: readonly string[]
  /** `set.trusted` has been the caBundle of the webhook configurations for long enough that every API server knows. */
  readonly bundleSettled: boolean
  /** Every replica has served `set.serving` for long enough that nobody who starts just now serves anything older. */
  readonly servedByAll: boolean
}

export type RotationStep =
  | { readonly kind: 'none' }
  /** Make a new authority and certificate; trust both authorities, serve the old certificate on. */
  | { readonly kind: 'stage' }
  /** Serve the new certificate; trust both. */
  | { readonly kind: 'promote'; readonly set: CertificateSet }
  /** Trust the new authority only. */
  | { readonly kind: 'drop'; readonly set: CertificateSet }

/**
 *     serve a, trust A ──stage──► serve a, trust A+B ──promote──► serve b, trust A+B ──drop──► serve b, trust B
 *                       due              caBundle is A+B everywhere       all replicas serve b, or a is out of date
 *
 * What is served is trusted at every moment, by every API server, whatever replica it asks. Each step is one write of the Secret, so
 * another leader goes on where this one stopped.
 */
export function nextStep(view: RotationView): RotationStep {
  const { set, now } = view
  if (set.next !== undefined) return view.bundleSettled ? promote(set, set.next) : { kind: 'none' }
  if (set.trusted.length > 1) {
    const outOfDate = set.previous !== undefined && lifeOf(set.previous).to < now
    return view.servedByAll || outOfDate ? drop(set) : { kind: 'none' }
  }
  return view.forced || isDue(view) ? { kind: 'stage' } : { kind: 'none' }
}

/** The set with a new certificate in waiting. */
export function staged(set: CertificateSet, { ca, serving }: Issued): CertificateSet {
  return { trusted: [...set.trusted, ca], serving: set.serving, next: serving }
}

/** After two thirds of its life, or when it lacks a name. */
function isDue({ set: { serving }, now, names }: RotationView): boolean {
  const { from, to } = lifeOf(serving.cert)
  return now >= from + ((to - from) * 2) / 3 || !covers(serving.cert, names)
}

function promote({ trusted, serving }: CertificateSet, next: CertificateSet['serving']): RotationStep {
  return { kind: 'promote', set: { trusted, serving: next, previous: serving.cert } }
}

function drop(set: CertificateSet): RotationStep {
  const authority = authorityOf(set, set.serving.cert)
  const trusted = authority === undefined ? set.trusted : [authority]
  return { kind: 'drop', set: { trusted, serving: set.serving } }
}
