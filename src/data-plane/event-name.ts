import type { Named } from '../contract/lineage.ts'

/** Of a text that a stranger chose: so many characters of it are remembered. */
const mostChars = 256

/** The text, no longer than is remembered. */
export function cut(text: string, most = mostChars): string {
  return text.length > most ? text.slice(0, most) : text
}

/** The event as lineage names it. */
export function nameOf(attributes: ReadonlyMap<string, string>): Named {
  return { id: cut(attributes.get('id') ?? ''), source: cut(attributes.get('source') ?? '') }
}

/** The same of a JSON object that is to be an event, and may be none. */
export function nameIn(object: unknown): Named {
  const { id, source } = Object(object) as { readonly id?: unknown; readonly source?: unknown }
  return { id: cut(typeof id === 'string' ? id : ''), source: cut(typeof source === 'string' ? source : '') }
}
