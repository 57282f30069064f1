import type { Selection, StoredObject } from '../client.ts'
import { refusals } from './refusals.ts'

type Labels = Readonly<Record<string, string>>

/** Whether an object is of a selection. @throws Fault ApiRefused for a selector that nobody can read. */
export function matcherOf({ namespace, labelSelector, fieldSelector }: Selection): (object: StoredObject) => boolean {
  const labels = splitTopLevel(labelSelector ?? '').map(labelRequirement)
  const fields = splitTopLevel(fieldSelector ?? '').map(fieldRequirement)
  return ({ metadata }) =>
    (!namespace || metadata.namespace === namespace) &&
    labels.every((holds) => holds(metadata.labels ?? {})) &&
    fields.every((holds) => holds({ 'metadata.name': metadata.name, 'metadata.namespace': metadata.namespace ?? '' }))
}

/** At commas that are not in parentheses. */
function splitTopLevel(selector: string): readonly string[] {
  return selector.trim() === '' ? [] : selector.split(/,(?![^(]*\))/).map((part) => part.trim())
}

function labelRequirement(text: string): (labels: Labels) => boolean {
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(text)
  if (set) {
    const [, key = '', operator, list = ''] = set
    const values = new Set(list.split(',').map((value) => value.trim()))
    return operator === 'in'
      ? (labels) => labels[key] !== undefined && values.has(labels[key])
      : (labels) => labels[key] === undefined || !values.has(labels[key])
  }
  const absent = /^!\s*([\w./-]+)$/.exec(text)
  if (absent) return (labels) => labels[absent[1] ?? ''] === undefined
  if (/^[\w./-]+$/.test(text)) return (labels) => labels[text] !== undefined
  return equality(text)
}

function fieldRequirement(text: string): (fields: Labels) => boolean {
  const field = text.split(/!?==?/)[0]?.trim()
  if (field !== 'metadata.name' && field !== 'metadata.namespace') {
    throw refusals.badRequest(`"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`)
  }
  return equality(text)
}

function equality(text: string): (values: Labels) => boolean {
  const [, key = '', operator, value = ''] = /^([\w./-]+)\s*(==|=|!=)\s*([\w.-]*)$/.exec(text) ?? []
  if (operator === undefined) throw refusals.badRequest(`unable to parse requirement: ${text}`)
  return operator === '!=' ? (values) => values[key] !== value : (values) => values[key] === value
}
