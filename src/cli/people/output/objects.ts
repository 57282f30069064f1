import { never } from '../../../core/never.ts'
import { toYaml } from '../../../api/yaml-write.ts'
import type { KubeObject } from '../../../kube/client.ts'
import { plainJson } from './plain-text.ts'

/** How objects are printed that are not in columns. */
export type ObjectFormat = 'json' | 'yaml' | 'name'

/** Objects for machines: one as itself, several as a List, as kubectl has it; managedFields are left out. */
export function printedObjects(objects: readonly KubeObject[], format: ObjectFormat, single: boolean): string {
  const shown = objects.map(withoutManagedFields)
  if (format === 'name') return shown.map(nameLine).join('\n')
  const whole = single ? shown[0] : { apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: '' }, items: shown }
  return printed(whole, format)
}

/** Any value. */
export function printed(value: unknown, format: 'json' | 'yaml'): string {
  switch (format) {
    case 'json':
      return plainJson(value, 2)
    case 'yaml':
      return toYaml(value).trimEnd()
    default:
      return never(format)
  }
}

export function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata
  return { ...object, metadata }
}

/** `trigger.eventing.knative.dev/orders`. */
export function nameLine({ apiVersion, kind, metadata }: KubeObject): string {
  const group = apiVersion.includes('/') ? `.${apiVersion.slice(0, apiVersion.indexOf('/'))}` : ''
  return `${kind.toLowerCase()}${group}/${metadata.name}`
}
