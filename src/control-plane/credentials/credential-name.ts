import { createHash } from 'node:crypto'
import { canonicalJson } from '../../kube/equal.ts'
import type { CredentialRequest } from './credentials.ts'

/**
 * The name of a credential: the same as long as servers and request are the same, whatever the Secrets hold. Servers belong to it, so that what is for one Kafka
 * is never said to another.
 */
export function credentialName(bootstrapServers: string, request: CredentialRequest): string {
  const hash = createHash('sha256').update(canonicalJson([bootstrapServers, request]))
  return `kafka-${hash.digest('hex').slice(0, 32)}`
}
