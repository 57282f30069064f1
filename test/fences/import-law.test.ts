import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { output, project, seededTree, typescriptFiles } from './seeded-tree.ts'

/** The few fields of dependency-cruiser's JSON that matter here. */
interface Cruise {
  readonly modules: readonly {
    readonly source: string
    readonly dependencies: readonly { readonly module: string }[]
  }[]
  readonly summary: {
    readonly violations: readonly {
      readonly from: string
      readonly to: string
      readonly rule: { readonly name: string }
    }[]
    readonly ruleSetUsed: { readonly forbidden: readonly { readonly name: string }[] }
  }
}

const roomsToCome = {
  'src/kube/client.ts': 'export interface Client { readonly name: string }\n',
  'src/kube/rest.ts': 'export const rest = 1\n',
  'src/kube/memory.ts': 'export const memory = 1\n',
  'src/api/meta/condition.ts': 'export type Condition = string\n',
  'src/control-plane/plan.ts': 'export const plan = 1\n',
}

const type = (from: string) => `import type * as seen from '${from}'\nexport type Seen = typeof seen\n`
const value = (from: string) => `import '${from}'\n`

/** [rule, file with the breach, its content] */
const breaches: readonly (readonly [rule: string, file: string, content: string])[] = [
  ['room-core', 'src/core/breach.ts', type('../event/cloud-event.ts')],
  ['room-event', 'src/event/breach.ts', type('../kafka/log.ts')],
  ['room-api', 'src/api/breach.ts', type('../contract/inlet.ts')],
  ['room-contract', 'src/contract/breach.ts', type('../kafka/log.ts')],
  ['room-telemetry', 'src/telemetry/breach.ts', type('../event/cloud-event.ts')],
  ['room-kube', 'src/kube/breach.ts', type('../kafka/log.ts')],
  ['room-kafka', 'src/kafka/breach.ts', type('../event/cloud-event.ts')],
  ['room-control-plane', 'src/control-plane/breach.ts', type('../data-plane/wire/breach.ts')],
  ['room-data-plane', 'src/data-plane/breach.ts', type('../control-plane/plan.ts')],
  ['room-viewer', 'src/viewer/breach.ts', type('../cli/flags.ts')],
  ['room-cli', 'src/cli/breach.ts', type('../main.ts')],
  ['room-main', 'src/main.ts', value('./core/never.ts')],
  ['room-unknown', 'src/attic/breach.ts', type('../core/never.ts')],
  ['home-kubernetes-client-node', 'src/kube/vendor.ts', type('@kubernetes/client-node')],
  ['home-opentelemetry', 'src/data-plane/tracing.ts', type('@opentelemetry/api')],
  ['home-opentelemetry', 'src/telemetry/spans-of-a-vendor.ts', type('@opentelemetry/sdk-trace')],
  ['home-platformatic-kafka', 'src/kafka/vendor.ts', type('@platformatic/kafka')],
  ['home-cloudevents', 'src/event/vendor.ts', type('cloudevents')],
  ['home-commander', 'src/control-plane/vendor.ts', type('commander')],
  ['home-peculiar-x509', 'src/kube/certificates.ts', type('@peculiar/x509')],
  ['home-fastify', 'src/data-plane/dispatcher/vendor.ts', type('fastify')],
  ['home-kafkajs', 'src/kafka/platformatic/vendor.ts', type('kafkajs')],
  ['home-pino', 'src/cli/vendor.ts', type('pino')],
  ['home-prom-client', 'src/data-plane/metrics.ts', type('prom-client')],
  ['home-undici', 'src/data-plane/ingress/vendor.ts', type('undici')],
  ['home-yaml', 'src/cli/yaml.ts', type('yaml')],
  ['home-zod', 'src/telemetry/vendor.ts', type('zod')],
  ['home-node-sqlite', 'src/kafka/platformatic/sqlite.ts', value('node:sqlite')],
  ['vendor-without-home', 'src/data-plane/stray.ts', type('vitest')],
  ['no-dev-dependency-in-src', 'src/data-plane/stray.ts', type('vitest')],
  ['core-has-no-vendor', 'src/core/vendor.ts', type('zod')],
  ['no-io-in-the-cellar', 'src/contract/io.ts', value('node:fs/promises')],
  ['planes-see-the-log-port', 'src/data-plane/adapter.ts', type('../kafka/platformatic/cluster.ts')],
  ['planes-see-the-kube-port', 'src/control-plane/adapter.ts', type('../kube/rest.ts')],
  ['planes-see-the-routes-port', 'src/control-plane/routes.ts', type('../contract/memory-routes.ts')],
  ['data-plane-does-not-reach-kube', 'src/data-plane/reaches.ts', type('../telemetry/steps.ts')],
  ['no-cycles', 'src/core/cycle-a.ts', type('./cycle-b.ts')],
  ['no-barrels', 'src/core/index.ts', "export * from './never.ts'\n"],
  ['no-utils', 'src/core/user.ts', type('./utils/strings.ts')],
  ['src-does-not-import-tests', 'src/core/tested.ts', type('../../test/support.ts')],
  ['examples-stand-alone', 'examples/breach.ts', type('../src/core/never.ts')],
  ['no-unresolvable', 'src/core/gone.ts', type('./not-there.ts')],
]

/** The other ends of breaches, and ways to write an import that a parser could miss. */
const others = {
  'src/data-plane/wire/breach.ts': 'export const wire = 1\n',
  'src/telemetry/steps.ts': type('../kube/client.ts'),
  'src/core/cycle-b.ts': type('./cycle-a.ts'),
  'src/core/utils/strings.ts': 'export const strings = 1\n',
  'test/support.ts': 'export const support = 1\n',
  'src/core/ways/dynamic.ts':
    "export class A { static async b() { return { c: async () => await import('../../api/way.ts') } } }\n",
  'src/core/ways/using.ts':
    "export async function a() { await using b = (await import('../../api/way.ts')).c; void b }\n",
  'src/core/ways/inline-type.ts': "import { type W } from '../../api/way.ts'\nexport type X = W\n",
  'src/core/ways/re-export.ts': "export type { W } from '../../api/way.ts'\n",
  'src/core/ways/export-all.ts': "export * from '../../api/way.ts'\n",
  'src/api/way.ts': 'export type W = 1\nexport declare const c: AsyncDisposable\n',
}

describe('the import law', () => {
  let seeded: Cruise
  let real: Cruise

  beforeAll(async () => {
    const files = { ...others, ...Object.fromEntries(breaches.map(([, file, content]) => [file, content])) }
    await using tree = await seededTree(files, roomsToCome)
    const cruise = ['--config', '.dependency-cruiser.mjs', '--output-type', 'json']
    seeded = JSON.parse(await tree.run('depcruise', ...cruise, 'src', 'test', 'examples')) as Cruise
    real = JSON.parse(await output(project, 'depcruise', [...cruise, 'src'])) as Cruise
  })

  it.each(breaches)('%s catches %s', (rule, file) => {
    const caught = seeded.summary.violations.filter(({ from }) => from === file).map((violation) => violation.rule.name)
    expect(caught).toContain(rule)
  })

  it('has a seeded breach for every rule', () => {
    const seededRules = new Set(breaches.map(([rule]) => rule))
    expect(
      seeded.summary.ruleSetUsed.forbidden.map(({ name }) => name).filter((name) => !seededRules.has(name)),
    ).toEqual([])
  })

  it.each(Object.keys(others).filter((file) => file.startsWith('src/core/ways/')))('sees the import in %s', (file) => {
    expect(seeded.summary.violations.filter(({ from }) => from === file).map(({ rule }) => rule.name)).toContain(
      'room-core',
    )
  })

  it('sees every file of src, and as many imports in each as a text search finds', async () => {
    const files = await typescriptFiles('src')
    const seen = new Map(
      real.modules.map(({ source, dependencies }) => [source, new Set(dependencies.map(({ module }) => bare(module)))]),
    )
    const expected = await Promise.all(
      files.map(async (file) => [file, importsByText(await readFile(join(project, file), 'utf8'))] as const),
    )
    const missed = expected.flatMap(([file, imports]) =>
      [...imports].filter((name) => !seen.get(file)?.has(name)).map((name) => `${file} imports ${name}`),
    )
    expect(files.filter((file) => !seen.has(file))).toEqual([])
    expect(missed).toEqual([])
    expect(expected.flatMap(([, imports]) => [...imports]).length).toBeGreaterThan(100)
  })

  it('names targets in its breaches that exist', () => {
    const dangling = seeded.summary.violations.filter(
      ({ rule, from, to }) =>
        rule.name === 'no-unresolvable' && breaches.some(([, file]) => file === from) && to.startsWith('.'),
    )
    expect(dangling.map(({ to }) => to)).toEqual(['./not-there.ts'])
  })
})

/** dependency-cruiser leaves `node:` out where it can. */
const bare = (name: string): string => name.replace(/^node:/, '')

/** Names of all imports as a plain text search finds them. */
function importsByText(source: string): Set<string> {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '')
  const statements = code.matchAll(/^(?:import|export)\b[^'"`;=()]*\bfrom\s+'([^'\n]+)'$/gm)
  const calls = code.matchAll(/\bimport\(\s*'([^'\n]+)'\s*\)/g)
  return new Set([...statements, ...calls].map((match) => bare(match[1] ?? '')))
}
