import type { Source } from '../contract/source.ts'
import { labelText } from '../telemetry/metrics/family.ts'

/** The labels of a user's object, named by its kind as Knative does it: `kn_trigger_namespace`, `kn_trigger_name`. */
export function objectLabels({ kind, namespace, name }: Source): string {
  const of = kind.toLowerCase().replaceAll(/[^a-z0-9]/g, '_')
  return labelText({ [`kn_${of}_namespace`]: namespace, [`kn_${of}_name`]: name })
}

/** In place of namespace and name: objects beyond those that have series of their own. No object can be called so. */
const other = '(other)'

export function otherLabels(kind: string): string {
  return objectLabels({ kind, namespace: other, name: other })
}
