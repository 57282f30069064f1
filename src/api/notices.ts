import { cesqlCondition } from '../event/cesql-condition.ts'
import { deepest } from '../event/filter-check.ts'
import { isMap, valueAt, type JsonObject } from './json.ts'
import { ignoredAnnotations } from './not-yet.ts'
import type { Path } from './yaml-text.ts'

/** What is no mistake but worth a word. */
export interface Notice {
  readonly path: Path
  readonly message: string
}

/** Notices about one object: nobody reads more, and each is a warning in an answer to the API server, which cuts them at 4 KiB together. */
const mostNotices = 20

/** About a valid object: what this version ignores, and what is probably not meant; the first of it when it is much. */
export function noticesOf(object: JsonObject): readonly Notice[] {
  const expressions = aboutExpressions(valueAt(object, filters), filters)
  const all = [...aboutAnnotations(object), ...aboutFilter(object), ...aboutNet(object), ...expressions]
  return all.slice(0, mostNotices)
}

const filters: Path = ['spec', 'filters']

function aboutAnnotations(object: JsonObject): Notice[] {
  const annotations = valueAt(object, ['metadata', 'annotations'])
  if (!isMap(annotations)) return []
  return ignoredAnnotations(annotations).map(({ annotation, message }) => ({
    path: ['metadata', 'annotations', annotation],
    message,
  }))
}

/** Of a KafkaSource: who names Secrets means them to be used. Tools whose forms leave nothing out write empty maps. */
function aboutNet(object: JsonObject): Notice[] {
  return ['sasl', 'tls'].flatMap((part) => {
    const path = ['spec', 'net', part]
    const fields = valueAt(object, path)
    if (!isMap(fields) || fields['enable'] === true) return []
    const named = Object.values(fields).some((field) => isMap(field) && field['secretKeyRef'] !== undefined)
    return named ? [{ path, message: 'is not used: enable: true is missing' }] : []
  })
}

/** Both are there on purpose where an older Knative shall read the manifest too. */
function aboutFilter(object: JsonObject): Notice[] {
  const list = valueAt(object, filters)
  const attributes = valueAt(object, ['spec', 'filter', 'attributes'])
  if (!Array.isArray(list) || list.length === 0 || !isMap(attributes) || Object.keys(attributes).length === 0) return []
  const message = 'is ignored beside spec.filters: to have both hold, move it there as an item, "- exact: …"'
  return [{ path: ['spec', 'filter'], message }]
}

/** Of an expression: each level has a dialect and may have a number. */
const deepestPath = 2 * deepest + 4

/** Legal expressions that are probably not meant so, wherever they are nested. */
function aboutExpressions(value: unknown, path: Path): Notice[] {
  // an object may come here that is refused for its depth
  if (path.length > deepestPath) return []
  if (Array.isArray(value)) return value.flatMap((one, i) => aboutExpressions(one, [...path, i]))
  if (!isMap(value)) return []
  return Object.entries(value).flatMap(([name, below]) => {
    const at = [...path, name]
    if (name === 'cesql' && typeof below === 'string') return aboutExpression(below, at)
    return name === 'all' || name === 'any' || name === 'not' ? aboutExpressions(below, at) : []
  })
}

function aboutExpression(text: string, path: Path): Notice[] {
  const condition = cesqlCondition(text)
  return typeof condition === 'string' ? [] : condition.notices.map((message) => ({ path, message }))
}
