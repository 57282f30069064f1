import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { crdFiles, crds, staleFiles } from './crds.ts'

const shipped = join(import.meta.dirname, '..', '..', 'crds')

interface Node {
  readonly description?: string
  readonly properties?: Readonly<Record<string, Node>>
  readonly items?: Node
}
interface Version {
  readonly name: string
  readonly served: boolean
  readonly storage: boolean
  readonly schema: { readonly openAPIV3Schema: Node }
}
interface Definition {
  readonly metadata: {
    readonly name: string
    readonly labels: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec: { readonly versions: readonly Version[]; readonly names: { readonly categories: readonly string[] } }
}

const definitions = [...crdFiles().values()].map((text) => parse(text) as Definition)
const versions = definitions.flatMap(({ metadata, spec }) =>
  spec.versions.map((version) => [`${metadata.name} ${version.name}`, version] as const),
)

describe('the generated definitions', () => {
  it('are in crds/ as they would be generated now', () => {
    expect(staleFiles(shipped)).toEqual([])
  })

  it.each(versions)('%s describes each of its fields', (_, { schema }) => {
    const bare = nodes(schema.openAPIV3Schema).filter(([, node]) => (node.description ?? '') === '')
    expect(bare.map(([path]) => path)).toEqual(['.metadata'])
  })

  it('serve v1, which is stored, and both old versions', () => {
    for (const plural of ['brokers', 'triggers']) {
      const found = definitions.find(({ metadata }) => metadata.name === `${plural}.eventing.knative.dev`)
      expect(found?.spec.versions.map(({ name, served, storage }) => [name, served, storage])).toEqual([
        ['v1', true, true],
        ['v1beta1', true, false],
        ['v1alpha1', true, false],
      ])
      expect(found?.spec.names.categories).toEqual(['all', 'knative', 'eventing'])
    }
  })

  it('serve SinkBinding in the versions of all tutorials', () => {
    const found = definitions.find(({ metadata }) => metadata.name === 'sinkbindings.sources.knative.dev')
    expect(found?.spec.versions.map(({ name, served, storage }) => [name, served, storage])).toEqual([
      ['v1', true, true],
      ['v1beta1', true, false],
      ['v1alpha2', true, false],
      ['v1alpha1', true, false],
    ])
    expect(found?.spec.names.categories).toEqual(['all', 'knative', 'sources', 'bindings'])
  })

  it('serve KafkaSource in v1, which is stored, and v1beta1, with scale and the types of its events', () => {
    const found = definitions.find(({ metadata }) => metadata.name === 'kafkasources.sources.knative.dev')
    expect(found?.spec.versions.map(({ name, served, storage }) => [name, served, storage])).toEqual([
      ['v1', true, true],
      ['v1beta1', true, false],
    ])
    expect(found?.spec.names.categories).toEqual(['all', 'knative', 'eventing', 'sources'])
    expect(JSON.parse(found?.metadata.annotations?.['registry.knative.dev/eventTypes'] ?? '')).toMatchObject([
      { type: 'dev.knative.kafka.event' },
    ])
  })

  it('have the labels that tools look for', () => {
    const label = (name: string) =>
      definitions.filter(({ metadata }) => metadata.labels[name] === 'true').map(({ metadata }) => metadata.name)
    expect(label('knative.dev/crd-install')).toEqual([
      'brokers.eventing.knative.dev',
      'kafkasources.sources.knative.dev',
      'sinkbindings.sources.knative.dev',
      'triggers.eventing.knative.dev',
    ])
    expect(label('duck.knative.dev/source')).toEqual([
      'kafkasources.sources.knative.dev',
      'sinkbindings.sources.knative.dev',
    ])
    expect(label('duck.knative.dev/binding')).toEqual(['sinkbindings.sources.knative.dev'])
    expect(label('duck.knative.dev/addressable')).toEqual(['brokers.eventing.knative.dev'])
  })
})

describe('stale files', () => {
  it('are those that differ, that are missing, and that a former version made', () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-test-'))
    crds(folder)
    expect(staleFiles(folder)).toEqual([])
    const worker = crdFiles().get('worker.yaml') ?? ''
    writeFileSync(join(folder, 'broker.yaml'), 'edited')
    writeFileSync(join(folder, 'former.yaml'), worker)
    writeFileSync(join(folder, 'kustomization.yaml'), 'resources: []')
    expect(staleFiles(folder)).toEqual([join(folder, 'broker.yaml'), join(folder, 'former.yaml')])
  })
})

function nodes(node: Node, path = ''): [path: string, Node][] {
  const fields = Object.entries(node.properties ?? {}).flatMap(([name, field]) => nodes(field, `${path}.${name}`))
  const items = node.items === undefined ? [] : nodes(node.items, `${path}[]`)
  return [[path, node], ...fields, ...items]
}
