import { isDeepStrictEqual } from 'node:util'
import { explain } from '../../../api/explain.ts'
import { pathName } from '../../../api/problem.ts'
import { SinkBinding, envPrefixAnnotation } from '../../../api/sink-binding.ts'
import type { KubeObject, StoredObject } from '../../../kube/client.ts'
import { UsageError } from '../../flags.ts'
import type { BindFlags } from './flags.ts'

/** Who has the fields that `bind` sets: an apply by others keeps theirs. */
export const fieldManager = 'millrace-bind'

const longestName = 63

/** The SinkBinding of the flags, checked as admission will. @throws UsageError */
export function bindingOf(flags: BindFlags, namespace: string): KubeObject {
  const { subject, sink, envPrefix, ceOverride } = flags
  const extensions = Object.keys(ceOverride).length === 0 ? {} : { ceOverrides: { extensions: ceOverride } }
  const annotations = envPrefix === undefined ? {} : { annotations: { [envPrefixAnnotation]: envPrefix } }
  const binding = {
    apiVersion: 'sources.knative.dev/v1',
    kind: 'SinkBinding',
    metadata: { name: flags.name ?? defaultName(flags), namespace, ...annotations },
    spec: { subject, sink, ...extensions },
  }
  const read = SinkBinding.safeParse(binding)
  if (read.success) return binding
  const told = read.error.issues.flatMap((issue) => explain(issue, SinkBinding, { value: binding, source: () => null }))
  throw new UsageError(told.map(({ path, message }) => `${pathName(path)}: ${message}`).join('\n'))
}

function defaultName({ subject, sink }: BindFlags): string {
  const labels = Object.values(subject.selector?.matchLabels ?? {}).join('-')
  const from = subject.name ?? `${subject.kind.toLowerCase()}-${labels}`
  const to = sink.ref?.name ?? new URL(sink.uri ?? '').hostname
  const name = `${from}-to-${to}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .slice(0, longestName)
  return name.replaceAll(/^-+|-+$/g, '')
}

/** Whether a SinkBinding that stands there is about the same workloads. */
export function bindsSame(there: StoredObject, subject: BindFlags['subject']): boolean {
  const { namespace: _, ...wanted } = (there['spec'] as { readonly subject: BindFlags['subject'] }).subject
  return isDeepStrictEqual(wanted, subject)
}

/** `Deployment shop`, `Deployments with app=shop`. */
export function subjectName({ kind, name, selector }: BindFlags['subject']): string {
  if (name !== undefined) return `${kind} ${name}`
  const labels = Object.entries(selector?.matchLabels ?? {}).map(([label, value]) => `${label}=${value}`)
  return `${kind}s with ${labels.join(',')}`
}
