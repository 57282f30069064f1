import { brokerDefinition, triggerDefinition } from '../../api/crd.ts'
import { kafkaSourceDefinition } from '../../api/kafka-source-crd.ts'

import type { Column } from '../../api/meta/definition.ts'
import type { Rule, StructuralSchema } from '../../api/meta/structural.ts'
import { sinkBindingDefinition } from '../../api/sink-binding-crd.ts'
import { inletDefinition, outletDefinition, workerDefinition } from '../../contract/crd.ts'
import { code, codes, page, table, type Row } from './markdown.ts'

/** What is read of a CustomResourceDefinition. */
interface Definition {
  readonly spec: {
    readonly group: string
    readonly names: { readonly kind: string; readonly plural: string; readonly categories: readonly string[] }
    readonly versions: readonly Version[]
  }
}

interface Version {
  readonly name: string
  readonly additionalPrinterColumns: readonly Column[]
  readonly schema: { readonly openAPIV3Schema: StructuralSchema }
}

/** Pages of kinds: file name to text. */
export function fieldPages(): ReadonlyMap<string, string> {
  return new Map([
    ['broker.md', kindPage(brokerDefinition(), 'reasons.md#broker', more.broker)],
    ['trigger.md', kindPage(triggerDefinition(), 'reasons.md#trigger', more.trigger)],
    ['sinkbinding.md', kindPage(sinkBindingDefinition(), 'reasons.md#sinkbinding', more.sinkBinding)],
    ['kafkasource.md', kindPage(kafkaSourceDefinition(), 'reasons.md#kafkasource', more.kafkaSource)],
    ['internal.md', internalPage()],
  ])
}

/** Where the prose is. */
const more = {
  broker:
    '[delivery.md](../delivery.md) tells what a Broker promises, [manifests.md](../manifests.md) who checks a manifest.',
  trigger:
    '[delivery.md](../delivery.md) tells what becomes of an event, [manifests.md](../manifests.md) who checks a manifest.',
  sinkBinding: '[sink-binding.md](../sink-binding.md) tells how it works.',
  kafkaSource: '[kafka-source.md](../kafka-source.md) tells how it works.',
} as const

function kindPage(definition: object, reasons: string, prose: string): string {
  const { spec } = definition as Definition
  return page(
    `# ${spec.names.kind}`,
    ...kindParts(spec, '##'),
    `What its conditions and reasons mean: [reasons.md](${reasons}). Its annotations and labels: [annotations.md](annotations.md). ${prose}`,
  )
}

function internalPage(): string {
  const kinds = [inletDefinition(), outletDefinition(), workerDefinition()] as unknown as readonly Definition[]
  return page(
    '# Inlet, Outlet, Worker',
    'What the controller tells the workers, and what they say. They are in the system namespace; nobody but Millrace may write them. They are for looking at: `kubectl get inlets,outlets,workers -n knative-eventing`. They are no interface: fields change between versions. [architecture.md](../architecture.md) draws what they are for.',
    ...kinds.flatMap(({ spec }) => [`## ${spec.names.kind}`, ...kindParts(spec, '###')]),
  )
}

function kindParts({ group, names, versions }: Definition['spec'], heading: string): readonly string[] {
  const [stored, ...others] = versions
  if (stored === undefined) return []
  const root = stored.schema.openAPIV3Schema
  const rows = fieldsOf(root)
  const known = new Set(rows.map(([path]) => path))
  const old = others.map(({ name, schema }) => ({
    name,
    rows: fieldsOf(schema.openAPIV3Schema).filter(([path]) => !known.has(path)),
  }))
  const status = rows.filter(([path = '']) => path.startsWith('`status'))
  return [
    root.description ?? '',
    `${code(`${group}/${stored.name}`)}${others.length === 0 ? '' : `, which is stored; also served: ${codes(others.map(({ name }) => name))}`}. ` +
      `${code(`kubectl get ${names.plural}`)} shows ${stored.additionalPrinterColumns.map(({ name, priority }) => (priority === 1 ? `${name} (with \`-o wide\`)` : name)).join(', ')}.`,
    `${heading} spec`,
    fieldTable(rows.filter(([path = '']) => path.startsWith('`spec'))),
    ...rulesPart(root, heading),
    ...oldPart(old, heading),
    ...(status.length === 0 ? [] : [`${heading} status`, fieldTable(status)]),
  ]
}

/** Fields of old versions that the stored one does not have. */
function oldPart(old: readonly { readonly name: string; readonly rows: readonly Row[] }[], heading: string): string[] {
  const [first, ...rest] = old.filter(({ rows }) => rows.length > 0)
  if (first === undefined) return []
  const versions = [first, ...rest].map(({ name }) => name)
  return [`${heading} Fields of old versions`, `In ${codes(versions)} alone.`, fieldTable(first.rows)]
}

function rulesPart(root: StructuralSchema, heading: string): string[] {
  const rules = (root['x-kubernetes-validations'] ?? []) as readonly Rule[]
  if (rules.length === 0) return []
  const lines = rules.map(
    ({ message, fieldPath }) => `- ${fieldPath === undefined ? '' : `${code(fieldPath.slice(1))}: `}${message}`,
  )
  return [`${heading} Rules about the whole object`, lines.join('\n')]
}

const fieldTable = (rows: readonly Row[]): string => table(['field', 'type', 'default', 'what it says'], rows)

/** All fields, each after the one that holds it; without those that every object of Kubernetes has. */
function fieldsOf(root: StructuralSchema): readonly Row[] {
  return ['spec', 'status'].flatMap((name) => {
    const node = root.properties?.[name]
    return node === undefined ? [] : below(node, name)
  })
}

function below(node: StructuralSchema, path: string): readonly Row[] {
  const inner = node.items ?? node
  const at = node.items === undefined ? path : `${path}[]`
  const needed = new Set(inner.required)
  return Object.entries(inner.properties ?? {}).flatMap(([name, field]) => {
    const its = `${at}.${name}`
    if (field.description?.startsWith('Not yet') === true) return [notYetRow(its, field)]
    return [row(its, field, needed.has(name)), ...below(field, its)]
  })
}

function row(path: string, field: StructuralSchema, needed: boolean): Row {
  const fallback = field['default'] === undefined ? (needed ? 'required' : '') : code(JSON.stringify(field['default']))
  return [code(path), typeOf(field), fallback, [field.description ?? '', ...rulesOf(field)].join(' ')]
}

function notYetRow(path: string, field: StructuralSchema): Row {
  return [code(path), typeOf(field), '', field.description ?? '']
}

/** Rules speak of the field; their messages say the fix. */
function rulesOf(field: StructuralSchema): readonly string[] {
  const own = (field['x-kubernetes-validations'] ?? []) as readonly Rule[]
  const ofItems = (field.items?.['x-kubernetes-validations'] ?? []) as readonly Rule[]
  const messages = new Set([...own, ...ofItems].map(({ message }) => message))
  return [...messages].map((message) => `*${message.replace(/\.$/, '')}.*`)
}

function typeOf(field: StructuralSchema): string {
  const values = field['enum'] as readonly unknown[] | undefined
  if (values !== undefined) return codes(values.map(String))
  if (field.items !== undefined) return `list of ${plural(field.items)}`
  if (field.additionalProperties !== undefined) return `map of ${plural(field.additionalProperties)}`
  return `${field.type ?? 'any'}${boundsOf(field)}`
}

const plural = (item: StructuralSchema): string =>
  item['enum'] === undefined ? `${item.type ?? 'value'}s` : typeOf(item)

function boundsOf(field: StructuralSchema): string {
  const min = (field['minimum'] ?? field['minLength']) as number | undefined
  const max = (field['maximum'] ?? field['maxLength']) as number | undefined
  const unit = field.type === 'string' ? ' characters' : ''
  const most = max === undefined || max >= 2_147_483_647 ? undefined : max
  const least = min === undefined || min <= -2_147_483_648 || (unit !== '' && min <= 1) ? undefined : min
  if (least === undefined && most === undefined) return ''
  if (most === undefined) return `, ${least} or more${unit}`
  return `, ${least === undefined ? 'at most' : `${least} to`} ${most}${unit}`
}
