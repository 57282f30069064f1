import { credentialKey, credentialsNamespace as namespace } from '../contract/credential.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { KubeClient, StoredObject } from './client.ts'
import { startInformer } from './informer.ts'
import { kinds } from './kinds.ts'

export interface CredentialSecretsOptions {
  readonly client: KubeClient
  readonly clock: Clock
  readonly logger: Logger
  /** Ends the watch; what is known stays. */
  readonly signal: AbortSignal
}

/**
 * The credentials that the controller keeps for the workers, in Secrets of a namespace of their own. While that cannot be read those who ask
 * are told why, and nobody else is stopped: rights and namespace may come later.
 */
export function credentialSecrets(options: CredentialSecretsOptions) {
  const secrets = startInformer({ ...options, resource: kinds.secret, selection: { namespace }, keep })
  const title = (name: string): string => `Secret ${namespace}/${name}`
  const missing = (name: string): string => {
    if (secrets.fault?.code === 'ApiForbidden')
      return `${title(name)} may not be read: this worker lacks the Role of namespace ${namespace}; apply the manifests of Millrace again (${secrets.fault.message})`
    if (secrets.fault !== undefined) return `${title(name)} cannot be read now: ${secrets.fault.message}`
    if (!secrets.synced) return `${title(name)} is not known yet: Secrets are being read`
    if (secrets.get({ namespace, name }) !== undefined) return `${title(name)} has no ${credentialKey} in its data`
    return `${title(name)} does not exist (yet): the controller writes it when the Secret is there that the user named`
  }
  return {
    title,
    read: (name: string): { readonly text: string } | { readonly missing: string } => {
      const text = secrets.get({ namespace, name })?.['text']
      return typeof text === 'string' ? { text } : { missing: missing(name) }
    },
    /** Calls `listener` with the name of each Secret that changed. */
    subscribe: (listener: (name: string) => void): void => {
      secrets.subscribe(({ object }) => listener(object.metadata.name))
    },
  }
}

/** Of each Secret the one text that we read. */
function keep(object: StoredObject): StoredObject {
  if (object['text'] !== undefined) return object
  const { apiVersion, kind, metadata } = object
  const { name, namespace: where = '', uid, resourceVersion } = metadata
  const encoded = (object['data'] as Readonly<Record<string, string>> | undefined)?.[credentialKey]
  const text = encoded === undefined ? {} : { text: Buffer.from(encoded, 'base64').toString('utf8') }
  return { apiVersion, kind, metadata: { name, namespace: where, uid, resourceVersion }, ...text }
}
