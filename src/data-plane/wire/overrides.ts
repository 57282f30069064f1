import { checkName } from './attributes.ts'
import { allowedText } from './header-value.ts'

/** What every event has by the specification (CloudEvents 1.0 and 0.3): with another one it would be another event, or none. */
const core: ReadonlySet<string> = new Set([
  ...['specversion', 'id', 'source', 'type', 'subject', 'time', 'dataschema', 'schemaurl'],
  ...['datacontenttype', 'datacontentencoding', 'data'],
])

const none: readonly string[] = []

/**
 * What an Outlet sets on each event, as name, value, name, value … (Knative CloudEventOverrides). Whatever it says, the event stays one: names
 * of the specification and names that none may have are left out, characters that no attribute may hold are replaced.
 */
export function overridesOf(extensions: Readonly<Record<string, string>> | undefined): readonly string[] {
  if (extensions === undefined) return none
  const usable = Object.entries(extensions).filter(([name]) => !core.has(name) && checkName(name) === null)
  return usable.length === 0 ? none : usable.flatMap(([name, value]) => [name, allowedText(value)])
}

/** @param list name, value, name, value … */
export function isNamed(name: string, list: readonly string[]): boolean {
  for (let at = 0; at < list.length; at += 2) if (list[at] === name) return true
  return false
}
