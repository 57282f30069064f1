import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, visit } from 'yaml'
import type { Document, Node, YAMLError } from 'yaml'
import type { Place } from './problem.ts'

/** A path into a document: keys and list positions. */
export type Path = readonly PropertyKey[]

/** One object of a text: its value, and where its parts stand. */
export interface YamlObject {
  readonly value: unknown
  /** Of the value (or the key) at `path`; of the nearest part around it when there is none. */
  place(path: Path, of?: 'key' | 'value'): Place
  /** The text of a scalar as it was written, e.g. `1.0` or `yes`; null when there is none at `path`. */
  source(path: Path): string | null
  /** Unquoted words that Kubernetes' YAML reads as true or false and ours as text. */
  readonly ambiguous: readonly { readonly path: Path; readonly source: string }[]
}

/** A mistake of YAML itself. */
export interface SyntaxProblem extends Place {
  readonly message: string
}

/** Reads the objects of a text: several documents, and the items of a `kind: List`. A broken document hides only itself. */
export function readYaml(text: string, file: string): { objects: YamlObject[]; problems: SyntaxProblem[] } {
  const lines = new LineCounter()
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  // No text has it, and all that is read of UTF-16 as UTF-8 is full of it.
  if (text.includes('\0')) return { objects: [], problems: [{ ...at(0), message: notUtf8 }] }
  const objects: YamlObject[] = []
  const problems: SyntaxProblem[] = []
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, merge: true, logLevel: 'error' })
  for (const document of Array.isArray(documents) ? documents : []) {
    const first = document.errors[0]
    // What follows the first mistake is mostly its consequence.
    if (first !== undefined) problems.push({ ...at(first.pos[0]), message: syntaxMessage(first) })
    else if (document.contents !== null) {
      const value = toValue(document, problems, at)
      if (value !== null) objects.push(...items(document, value, at))
    }
  }
  return { objects, problems }
}

const notUtf8 = 'this is no text in UTF-8: save it as UTF-8 (it may be UTF-16, which > of Windows PowerShell writes)'

function syntaxMessage({ code, message }: YAMLError): string {
  const plain = message.charAt(0).toLowerCase() + message.slice(1)
  if (code === 'TAB_AS_INDENT') return 'the YAML is broken: a tab is used to indent; YAML wants spaces'
  if (plain.startsWith('maximum call stack')) return 'the YAML is broken: it is nested too deeply'
  if (code === 'DUPLICATE_KEY') return 'the YAML is broken: this key stands twice in the same map; remove one of them'
  return `the YAML is broken: ${plain}`
}

/** Aliases that multiply without end, or lead nowhere, are found only when the value is made. */
function toValue(document: Document.Parsed, problems: SyntaxProblem[], at: (offset: number) => Place): unknown {
  try {
    const value: unknown = document.toJS({ maxAliasCount: 100 })
    // An alias inside its own anchor makes a value without end: this throws.
    JSON.stringify(value)
    return value
  } catch (error) {
    const circular = error instanceof TypeError
    const why = circular
      ? 'an alias stands inside of what it names'
      : error instanceof Error
        ? error.message
        : String(error)
    problems.push({ ...at(document.range[0]), message: `the YAML is broken: ${why}` })
    return null
  }
}

/** The document itself, or the items of a List. */
function items(document: Document.Parsed, value: unknown, at: (offset: number) => Place): YamlObject[] {
  const list = value as { kind?: unknown; items?: unknown }
  const isList = typeof list === 'object' && list.kind === 'List' && Array.isArray(list.items)
  if (!isList) return [yamlObject(document, [], value, at)]
  return (list.items as unknown[]).map((item, i) => yamlObject(document, ['items', i], item, at))
}

function yamlObject(document: Document.Parsed, base: Path, value: unknown, at: (offset: number) => Place): YamlObject {
  return {
    value,
    place: (path, of = 'value') => at(locate(document, [...base, ...path], of).offset),
    source: (path) => {
      const { node, exact } = locate(document, [...base, ...path], 'value')
      return exact && isScalar(node) ? (node.source ?? null) : null
    },
    get ambiguous() {
      return ambiguousWords(document, base)
    },
  }
}

interface Located {
  readonly node: unknown
  readonly offset: number
  /** False: the path ends before, this is the nearest part around it. */
  readonly exact: boolean
}

function locate(document: Document.Parsed, path: Path, of: 'key' | 'value'): Located {
  let node: unknown = document.contents
  let offset = document.contents?.range?.[0] ?? 0
  for (const [i, part] of path.entries()) {
    const step = child(isAlias(node) ? node.resolve(document) : node, part)
    if (step === null) return { node, offset, exact: false }
    const wanted = of === 'key' && i === path.length - 1 ? (step.key ?? step.value) : (step.value ?? step.key)
    offset = (wanted as Node | null)?.range?.[0] ?? offset
    // A value that is absent (`key:` and nothing more) is best shown at its key.
    if (isScalar(step.value) && (step.value.source ?? '') === '' && step.value.value === null) {
      offset = (step.key as Node | null)?.range?.[0] ?? offset
    }
    node = step.value
  }
  return { node, offset, exact: true }
}

function child(node: unknown, part: PropertyKey): { key: unknown; value: unknown } | null {
  if (isSeq(node)) {
    const value = node.items[Number(part)]
    return value === undefined ? null : { key: null, value }
  }
  if (!isMap(node)) return null
  const pair = node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === String(part))
  return pair === undefined ? null : { key: pair.key, value: pair.value }
}

/** Kubernetes reads YAML 1.1, where these are booleans; as text they must be quoted, or a cluster refuses what ran here. */
const word = /^(y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF)$/

function ambiguousWords(document: Document.Parsed, base: Path): { path: Path; source: string }[] {
  const found: { path: Path; source: string }[] = []
  const root = base.length === 0 ? document.contents : document.getIn(base, true)
  visit(root as Node, {
    Scalar(key, node, ancestors) {
      if (key === 'key' || node.type !== 'PLAIN' || !word.test(node.source ?? '')) return
      found.push({ path: pathOf([...ancestors, node]), source: node.source ?? '' })
    },
  })
  return found
}

function pathOf(chain: readonly unknown[]): Path {
  const path: PropertyKey[] = []
  for (const [i, node] of chain.entries()) {
    const next = chain[i + 1]
    if (isSeq(node)) path.push(node.items.indexOf(next))
    const pair = next as { key?: unknown } | undefined
    if (isMap(node) && pair !== undefined) path.push(String(isScalar(pair.key) ? pair.key.value : pair.key))
  }
  return path
}
