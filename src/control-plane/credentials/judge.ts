import { readKafkaNet, readKafkaSecret, secretsOfNet } from '../../api/kafka-secret.ts'
import type { Credential } from '../../contract/credential.ts'
import type { ObjectName } from '../../kube/client.ts'
import {
  allowedNamespacesAnnotation,
  type CredentialOwner,
  type CredentialReason,
  type CredentialRequest,
} from './credentials.ts'
import type { SecretSeen } from './secret-reader.ts'

/** What the Secrets of a request come to. */
export type CredentialJudgement =
  | { readonly kind: 'none' }
  | { readonly kind: 'good'; readonly credential: Credential }
  | { readonly kind: 'faulty'; readonly reason: CredentialReason; readonly message: string }

/** The Secrets that it names, each once. */
export function secretsOf(request: CredentialRequest): readonly ObjectName[] {
  const { namespace } = request
  if (request.kind === 'secret') return [{ namespace, name: request.name }]
  return secretsOfNet(request.net).map((name) => ({ namespace, name }))
}

/** For messages: `Secret shop/kafka`. */
export function madeOf(request: CredentialRequest): string {
  const names = secretsOf(request).map(({ namespace, name }) => `Secret ${namespace}/${name}`)
  return names.length === 0 ? 'spec.net' : names.join(', ')
}

/** `seen`: of each Secret that the request names. Pure. */
export function judgeRequest(
  request: CredentialRequest,
  seen: (secret: ObjectName) => SecretSeen | undefined,
  now: Date,
): CredentialJudgement {
  for (const secret of secretsOf(request)) {
    const state = seen(secret)
    const name = `Secret ${secret.namespace}/${secret.name}`
    if (state === undefined || state.kind === 'absent') return faulty('SecretNotFound', absent(secret, request))
    if (state.kind === 'forbidden')
      return faulty(
        'SecretForbidden',
        `the controller may not read ${name}: ${state.message}. Apply the manifests of Millrace again: its ClusterRole has get on Secrets`,
      )
  }
  const { namespace } = request
  const data = (name: string): Readonly<Record<string, string>> => {
    const state = seen({ namespace, name })
    return state?.kind === 'found' ? state.data : {}
  }
  const read =
    request.kind === 'secret'
      ? readKafkaSecret(data(request.name), now)
      : readKafkaNet(request.net, (name) => data(name), now)
  switch (read.kind) {
    case 'none':
      return read
    case 'good':
      return read
    case 'faulty': {
      const where = request.kind === 'secret' ? madeOf(request) : `of namespace ${namespace}`
      return faulty(read.reason, `${where}: ${read.problems.join('; ')}`)
    }
  }
}

/**
 * Whether this owner may sign in with the Secret; else why not. A ConfigMap may be of any namespace, and so is its Secret: whoever owns that is to be asked. What
 * is in the system namespace is for all.
 */
export function refusal(
  owner: Pick<CredentialOwner, 'namespace'>,
  request: CredentialRequest,
  system: string,
  seen: (secret: ObjectName) => SecretSeen | undefined,
): string | null {
  if (request.kind !== 'secret' || request.namespace === owner.namespace || request.namespace === system) return null
  const { namespace, name } = request
  const state = seen({ namespace, name })
  const allowed = state?.kind === 'found' ? (state.annotations[allowedNamespacesAnnotation] ?? '') : ''
  const names = allowed.split(',').map((part) => part.trim())
  if (names.includes('*') || names.includes(owner.namespace)) return null
  const command = `kubectl annotate secret ${name} -n ${namespace} --overwrite ${allowedNamespacesAnnotation}=${owner.namespace}`
  return `Secret ${namespace}/${name} is for objects of namespace ${namespace}; whoever owns it lets those of ${owner.namespace} use it with: ${command}`
}

function faulty(reason: CredentialReason, message: string): CredentialJudgement {
  return { kind: 'faulty', reason, message }
}

function absent({ namespace, name }: ObjectName, request: CredentialRequest): string {
  const by =
    request.kind === 'secret'
      ? `auth.secret.ref.name of the ConfigMap names Secret ${namespace}/${name}`
      : `spec.net names Secret ${namespace}/${name}`
  const example =
    request.kind === 'secret'
      ? `: kubectl create secret generic ${name} -n ${namespace} --from-literal=protocol=SASL_SSL --from-literal=sasl.mechanism=SCRAM-SHA-512 --from-literal=user=... --from-literal=password=... --from-file=ca.crt=...`
      : ''
  return `${by}, which does not exist; create it${example}`
}
