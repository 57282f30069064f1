import { LabelSelector, selects } from '../../api/meta/label-selector.ts'
import { readYaml } from '../../api/yaml-text.ts'
import type { StoredObject } from '../../kube/client.ts'

/** The ConfigMap of the system namespace that says which namespaces get a Broker, as Knative has it. */
export const sugarName = 'config-sugar'

/** Labels of a namespace that ask for a Broker, whatever config-sugar says; `disabled` refuses one. */
const injectionLabels = ['knative-eventing-injection', 'eventing.knative.dev/injection']

/** `namespace-selector` of config-sugar: '' selects none, `{}` all. One that is not understood selects none: `problem` says why. */
export function namespaceSelector(configMap: StoredObject | undefined): {
  readonly selector: LabelSelector | null
  readonly problem?: string
} {
  const text = (configMap?.['data'] as Record<string, string> | undefined)?.['namespace-selector'] ?? ''
  if (text.trim() === '') return { selector: null }
  const { objects, problems } = readYaml(text, sugarName)
  const parsed = LabelSelector.safeParse(objects[0]?.value)
  if (problems.length === 0 && objects.length === 1 && parsed.success) return { selector: parsed.data }
  const why = problems[0]?.message ?? parsed.error?.issues[0]?.message ?? 'it is more than one object'
  return { selector: null, problem: `namespace-selector is not a LabelSelector: ${why}` }
}

/** Whether a namespace shall have a Broker `default`. Pure. */
export function wantsBroker({ metadata }: StoredObject, selector: LabelSelector | null): boolean {
  const { labels = {}, deletionTimestamp } = metadata
  if (deletionTimestamp !== undefined) return false
  const asked = injectionLabels.map((label) => labels[label])
  if (asked.includes('disabled')) return false
  return asked.includes('enabled') || (selector !== null && selects(selector, labels))
}
