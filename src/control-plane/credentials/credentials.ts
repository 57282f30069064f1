import type { SecretReason } from '../../api/kafka-credential.ts'
import type { KafkaNet } from '../../api/kafka-net.ts'
import type { Credential } from '../../contract/credential.ts'
import type { KafkaCluster } from '../../contract/source.ts'
import type { ObjectName, StoredObject } from '../../kube/client.ts'
import { nameOf } from '../../kube/store.ts'

/** On an object that names a Secret: another value has the Secret read at once. */
export const refreshAnnotation = 'eventing.millrace.dev/refresh'

/** On a Secret: namespaces, separated by commas, or `*`, whose Brokers may sign in with it although it is of another namespace. */
export const allowedNamespacesAnnotation = 'eventing.millrace.dev/allowed-namespaces'

/** What to sign in with, as the user wrote it down. */
export type CredentialRequest =
  /** A Secret as Brokers name it. */
  | { readonly kind: 'secret'; readonly namespace: string; readonly name: string }
  /** `spec.net` of a KafkaSource; its Secrets are in `namespace`. */
  | { readonly kind: 'net'; readonly namespace: string; readonly net: KafkaNet }

/** What a request comes to. */
export type CredentialVerdict =
  /** Nothing to sign in with: PLAINTEXT. */
  | { readonly kind: 'none' }
  /** `name`: for `credential` of Inlets and Outlets. It stays the same as long as servers and request do. */
  | { readonly kind: 'ready'; readonly name: string }
  /** `lastGood`: what was good before is still there under this name, so that events flow on. */
  | {
      readonly kind: 'faulty'
      readonly reason: CredentialReason
      readonly message: string
      readonly lastGood?: string
    }

/** Reasons of conditions. */
export type CredentialReason =
  | SecretReason
  /** The Secret does not exist. */
  | 'SecretNotFound'
  /** It may not be read, or not by objects of this namespace. */
  | 'SecretForbidden'
  /** It cannot be handed on to the workers. */
  | 'CredentialNotStored'

/** Whose wish it is. */
export interface CredentialOwner extends ObjectName {
  readonly kind: 'Broker' | 'KafkaSource' | 'ConfigMap'
  readonly uid: string
  /** Another one than before: Secrets are read anew. See {@link credentialOwner}. */
  readonly revision?: string
}

/** An object as the owner of a wish: each change of its spec, or of {@link refreshAnnotation}, has its Secrets read anew. */
export function credentialOwner(kind: CredentialOwner['kind'], object: StoredObject): CredentialOwner {
  const { uid, generation = 0, annotations = {} } = object.metadata
  return { kind, ...nameOf(object), uid, revision: `${generation} ${annotations[refreshAnnotation] ?? ''}` }
}

/** What to sign in with, as connections ask for it; kafka/security.ts has the same port. */
export interface CredentialSource {
  /** What holds now. @throws Fault CredentialNotFound while there is none. */
  current(): Credential
  /** Calls `listener` after each change. Returns the way to stop. */
  subscribe(listener: () => void): () => void
}

/**
 * From the Secrets that users name to those that workers read.
 *
 *     want ──► read (shared, again every 60 s while wanted) ──► judge ──► Secret in millrace-credentials, written when it differs
 *                                                                 └─ verdict changed ──► changed(owner)
 */
export interface Credentials {
  /**
   * From now on the owner wants this and nothing else. To be asked at each reconcile: as a rule the answer is in memory. Whoever was answered is
   * brought up (`changed(owner)`) when the answer becomes another one.
   * @throws Fault when the API server cannot be asked and nothing is known from before.
   */
  want(
    owner: CredentialOwner,
    bootstrapServers: string,
    request: CredentialRequest,
    signal: AbortSignal,
  ): Promise<CredentialVerdict>
  /** The owner is gone, or wants nothing any more. What was stored goes a while after nobody names it. */
  forget(uid: string): void
  /** Kafka refused this one: the Secrets that it was made of are looked at soon, as far as that was not done a moment ago. */
  doubt(name: string): void
  /**
   * For connections of this process; undefined: one does not sign in there. What it gives is for the servers that it was made for and for no others, whoever
   * wrote the name of the credential beside them.
   */
  source(cluster: KafkaCluster): CredentialSource | undefined
  /** Whether what this cluster is asked with is there, and is for it. Ask before a cluster that stands in a status is put to use. */
  has(cluster: KafkaCluster): boolean
}
