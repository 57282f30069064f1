import type { Fault } from '../../core/fault.ts'
import type { KubeObject } from '../../kube/client.ts'

/** How an API server says that a field of a Deployment, or of a StatefulSet, cannot be changed (1.35). */
const immutable = /field is immutable|updates to statefulset spec for fields other than/

/** What to do about a child that the API server does not take, to be put behind its words; '' when these say all. */
export function adviceFor({ kind, metadata }: KubeObject, fault: Fault): string {
  if (fault.code !== 'ApiRefused' || !immutable.test(fault.message)) return ''
  if (kind !== 'Deployment' && kind !== 'StatefulSet') return ''
  const command = `kubectl delete ${kind.toLowerCase()} ${metadata.name} -n ${metadata.namespace} --cascade=orphan`
  return `. It was made by another version. Paste: ${command}; it is made anew and takes over its pods`
}
