import { objectName } from '../../api/problem.ts'
import type { CompiledBinding } from '../../control-plane/sink-binding/compile.ts'

/** What `dev` says of a SinkBinding. */
export function bindingLine({ key, sink, subjects, conflicts }: CompiledBinding): string {
  const name = objectName(key)
  if ('missing' in sink) return `${name} is not Ready: spec.sink: ${sink.missing}`
  const [conflict] = conflicts
  if (conflict !== undefined)
    return `${name} is not Ready: Conflict: ${objectName(conflict.subject)} has the variables of SinkBinding ${key.namespace}/${conflict.with} already`
  if (subjects.length === 0) return `${name} has no subject: none of these manifests is the one that it names`
  return `${name} Ready, K_SINK=${sink.url} for ${subjects.map(objectName).join(', ')}`
}
