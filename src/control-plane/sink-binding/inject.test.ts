import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../api/json.ts'
import type { EnvEntry } from './env.ts'
import { bind, type Binders, type BoundSink } from './inject.ts'
import { recordAnnotation, recordOf } from './record.ts'
import { podSpecPath, type Container } from './workload.ts'

const deployments = { group: 'apps', kind: 'Deployment' }
const sink = (more: Partial<BoundSink> = {}): BoundSink => {
  const { prefix = '', name = 'a' } = more
  const variables = { [`${prefix}K_SINK`]: `http://${name}/`, [`${prefix}K_CE_OVERRIDES`]: '' }
  return { name, uid: `uid-${name}`, createdAt: '2026-01-01T00:00:00Z', version: '10', prefix, variables, ...more }
}
const by = (...sinks: BoundSink[]): Binders => ({ sinks, knownUpTo: () => '99' })
const workload = (env: readonly EnvEntry[] | undefined, more: readonly Container[] = []): JsonObject => ({
  metadata: { name: 'w' },
  spec: { template: { spec: { containers: [{ name: 'app', ...(env === undefined ? {} : { env }) }, ...more] } } },
})
const withEnv = (object: JsonObject, env: readonly EnvEntry[]): JsonObject => ({
  ...object,
  spec: { template: { spec: { containers: [{ name: 'app', env }] } } },
})
const envOf = (object: JsonObject, container = 0): readonly EnvEntry[] | undefined =>
  (object['spec'] as { template: { spec: { containers: Container[] } } }).template.spec.containers[container]?.env

const ours = [{ name: 'K_SINK', value: 'http://a/' }, { name: 'K_CE_OVERRIDES' }]
const [kSink, overrides] = ours as [EnvEntry, EnvEntry]
const own: EnvEntry = { name: 'K_SINK', value: 'by-hand' }
const fromMap: EnvEntry = { name: 'K_SINK', valueFrom: { configMapKeyRef: { name: 'm', key: 'k' } } }
const a: EnvEntry = { name: 'A', value: '1' }
const b: EnvEntry = { name: 'B', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }

describe('what a workload without a record becomes, and back', () => {
  it.each<[string, EnvEntry[] | undefined, EnvEntry[]]>([
    ['no variables', undefined, ours],
    ['others: ours come after them', [a, b], [a, b, ...ours]],
    ['ours, written by hand', [...ours], [...ours]],
    ['one of ours is missing', [kSink, a], [kSink, a, overrides]],
    ['another value', [a, own, b], [a, kSink, b, overrides]],
    ['a value from a ConfigMap', [fromMap, a], [kSink, a, overrides]],
    ['twice', [own, a, fromMap, overrides], [kSink, a, overrides]],
    ['twice the same', [kSink, kSink, overrides], [kSink, overrides]],
    ['in another order', [overrides, a, kSink], [overrides, a, kSink]],
  ])('%s', (_, env, expected) => {
    const before = workload(env)
    const bound = bind(before, deployments, by(sink()))
    expect(envOf(bound.object)).toEqual(expected)
    expect(bind(bound.object, deployments, by(sink())).object).toEqual(bound.object)
    expect(bind(bound.object, deployments, by()).object).toEqual(before)
  })
})

it("what one put in is not taken for the user's because another that goes is presumed to have put something there, too", () => {
  const bound = bind(workload([a]), deployments, by(sink({ name: 'again' })))
  const goes = { uid: 'uid-goes', at: '', env: { K_SINK: 'http://goes/', K_CE_OVERRIDES: '' } }
  const known = { ...by(sink({ name: 'again' })), record: { ...bound.record, goes } }
  const next = bind(bound.object, deployments, known)
  expect(next.object).toEqual(bound.object)
  expect(next.displaced).toEqual([])
  expect(bind(next.object, deployments, by()).object).toEqual(workload([a]))
})

describe('what becomes of a bound workload that someone changed', () => {
  const bound = bind(workload([a, own]), deployments, by(sink())).object
  it.each<[string, EnvEntry[], now: EnvEntry[], undone: EnvEntry[] | undefined]>([
    ['nothing', [a, kSink, overrides], [a, kSink, overrides], [a, own]],
    ['ours were taken away', [a], [a, ...ours], [a]],
    ['all was taken away', [], ours, undefined],
    ['the original was applied again', [a, own], [a, kSink, overrides], [a, own]],
    ['a new value', [a, fromMap, overrides], [a, kSink, overrides], [a, fromMap]],
    [
      'a wrong overrides',
      [a, kSink, { name: 'K_CE_OVERRIDES', value: 'x' }],
      [a, kSink, overrides],
      [a, own, { name: 'K_CE_OVERRIDES', value: 'x' }],
    ],
    ['another order: no pod is replaced for it', [overrides, kSink, a], [overrides, kSink, a], [a, own]],
    ['a new one between', [a, b, kSink, overrides], [a, b, kSink, overrides], [a, own, b]],
    ['ours twice', [a, kSink, overrides, kSink], [a, kSink, overrides], [a, own]],
    ['theirs beside ours', [a, kSink, own, overrides], [a, kSink, overrides], [a, own]],
    // What kubectl makes of ours and of `valueFrom` in the manifest; no API server stores it.
    ['both in one entry', [a, { ...fromMap, ...kSink }, overrides], [a, kSink, overrides], [a, fromMap]],
  ])('%s', (_, env, now, undone) => {
    const again = bind(withEnv(bound, env), deployments, by(sink())).object
    expect(envOf(again)).toEqual(now)
    expect(bind(again, deployments, by(sink())).object).toEqual(again)
    const back = bind(again, deployments, by()).object
    expect(envOf(back)).toEqual(undone)
    expect(back['metadata']).toEqual({ name: 'w' })
  })

  it('a new sink takes the place of the old one, and what stands back still does', () => {
    const moved = bind(bound, deployments, by(sink({ variables: { K_SINK: 'http://b/', K_CE_OVERRIDES: '' } }))).object
    expect(envOf(moved)).toEqual([a, { name: 'K_SINK', value: 'http://b/' }, overrides])
    expect(envOf(bind(moved, deployments, by()).object)).toEqual([a, own])
  })

  it('a pair that no API server takes stands in a record: it comes back without the value', () => {
    const was = { app: [{ index: 1, entry: { ...fromMap, value: 'http://a/' } }] }
    const record = { a: { ...recordOf(bound)['a']!, was } }
    expect(envOf(bind(bound, deployments, { ...by(), record }).object)).toEqual([a, fromMap])
  })

  it.each(['K_SINK', 'K_CA_CERTS'])(
    'a template of former days brings a former %s back: it is known as ours',
    (name) => {
      const sinkOf = (i: number): BoundSink =>
        sink({ version: `1${i}`, variables: { K_CE_OVERRIDES: '', K_SINK: 'http://now/', [name]: `http://${i}/` } })
      const last = sink({ version: '20' })
      const formerly = [1, 2, 3].reduce((object, i) => bind(object, deployments, by(sinkOf(i))).object, bound)
      const now = bind(formerly, deployments, by(last)).object
      for (const i of [1, 2, 3]) {
        const rolledBack = withEnv(now, [
          a,
          { name, value: `http://${i}/` },
          ...ours.filter((each) => each.name !== name),
        ])
        const again = bind(rolledBack, deployments, by(last)).object
        expect(envOf(again)).toEqual(name === 'K_SINK' ? [a, kSink, overrides] : [a, ...ours])
        expect(envOf(bind(again, deployments, by()).object)).toEqual([a, own])
      }
    },
  )

  it('the record is lost: what stands there counts as the user’s, but for a record that someone else brings', () => {
    const bare = { ...bound, metadata: { name: 'w' } }
    expect(envOf(bind(bare, deployments, by()).object)).toEqual([a, kSink, overrides])
    expect(envOf(bind(bare, deployments, { ...by(), record: recordOf(bound) }).object)).toEqual([a, own])
  })
})

describe('several', () => {
  const older = sink({ name: 'z', createdAt: '2025-01-01T00:00:00Z' })

  it('of one prefix: the older is in, the other hears of it, and comes next', () => {
    const both = bind(workload([a]), deployments, by(sink(), older))
    expect(envOf(both.object)?.[1]).toEqual({ name: 'K_SINK', value: 'http://z/' })
    expect([...both.conflicts]).toEqual([['a', 'z']])
    const left = bind(both.object, deployments, by(sink()))
    expect(envOf(left.object)?.[1]).toEqual(kSink)
    expect(left.conflicts.size).toBe(0)
  })

  it('of one prefix: who is in stays, so that no pod is replaced', () => {
    const first = bind(workload([a]), deployments, by(sink()))
    const both = bind(first.object, deployments, by(sink(), older))
    expect(both.object).toEqual(first.object)
    expect([...both.conflicts]).toEqual([['z', 'a']])
  })

  it('an older one without an address keeps its place', () => {
    const both = bind(workload([a]), deployments, by(sink(), { ...older, variables: null }))
    expect(envOf(both.object)).toEqual([a])
    expect([...both.conflicts]).toEqual([['a', 'z']])
  })

  it('of several prefixes: each has its own variables', () => {
    const both = bind(workload([a]), deployments, by(sink(), sink({ name: 'orders', prefix: 'ORDERS_' })))
    expect(envOf(both.object)?.map(({ name }) => name)).toEqual([
      'A',
      'K_SINK',
      'K_CE_OVERRIDES',
      'ORDERS_K_SINK',
      'ORDERS_K_CE_OVERRIDES',
    ])
    expect(envOf(bind(both.object, deployments, by(sink())).object)).toEqual([a, ...ours])
  })
})

describe('what is not known', () => {
  const bound = bind(workload([a]), deployments, by(sink())).object

  it('a sink that has no address any more takes nothing away', () => {
    expect(bind(bound, deployments, by(sink({ variables: null, version: '20' }))).object).toEqual(bound)
  })

  it('a record that claims to know more than there is decides nothing once all of that is known here', () => {
    const other = { ...by(sink()), record: { a: { uid: 'x', at: '50', env: { K_SINK: 'http://x/' } } } }
    const there = workload([{ name: 'K_SINK', value: 'http://x/' }])
    expect(envOf(bind(there, deployments, other).object)).toEqual(ours)
    expect(envOf(bind(there, deployments, { ...other, knownUpTo: () => '49' }).object)).toHaveLength(1)
  })

  it('whoever knows an older version changes nothing', () => {
    const old = sink({ version: '9', variables: { K_SINK: 'http://old/', K_CE_OVERRIDES: '' } })
    expect(bind(bound, deployments, { ...by(old), knownUpTo: () => '9' }).object).toEqual(bound)
    expect(bind(bound, deployments, { sinks: [], knownUpTo: () => '9' }).object).toEqual(bound)
  })
})

describe('names that all objects of JavaScript have', () => {
  it('of a SinkBinding, of the one that goes, and of a container', () => {
    const before = withEnv(workload([]), [own])
    const { template } = before['spec'] as { template: { spec: { containers: object[] } } }
    template.spec.containers = [{ name: 'constructor', env: [own] }]
    const bound = bind(before, deployments, by(sink({ name: 'constructor' })))
    expect(envOf(bound.object)).toEqual([{ name: 'K_SINK', value: 'http://constructor/' }, overrides])
    expect(bound.record['constructor']?.env).toEqual({ K_SINK: 'http://constructor/', K_CE_OVERRIDES: '' })
    expect(bind(bound.object, deployments, by()).object).toEqual(before)
  })
})

describe('which containers', () => {
  it('of a Knative Service the one without a name, also once it has got one', () => {
    const service = { group: 'serving.knative.dev', kind: 'Service' }
    const before = { metadata: {}, spec: { template: { spec: { containers: [{ image: 'a', env: [own] }] } } } }
    const bound = bind(before, service, by(sink())).object as typeof before
    expect(bind(bound, service, by()).object).toEqual(before)
    bound.spec.template.spec.containers = bound.spec.template.spec.containers.map((each) => ({ name: 'user', ...each }))
    expect(envOf(bind(bound, service, by()).object)).toEqual([own])
  })

  it('each, init containers too', () => {
    const object = workload([a], [{ name: 'side' }])
    ;(object['spec'] as { template: { spec: { initContainers?: object[] } } }).template.spec.initContainers = [
      { name: 'init' },
    ]
    const bound = bind(object, deployments, by(sink())).object
    expect(envOf(bound, 1)).toEqual(ours)
    expect(bound).toMatchObject({ spec: { template: { spec: { initContainers: [{ name: 'init', env: ours }] } } } })
    expect(bind(bound, deployments, by()).object).toEqual(object)
  })

  it('but those that the workload names', () => {
    const object = {
      ...workload([a], [{ name: 'side' }]),
      metadata: { annotations: { 'sources.millrace.dev/skip-containers': 'side' } },
    }
    expect(envOf(bind(object, deployments, by(sink())).object, 1)).toBeUndefined()
  })

  it('of a CronJob those of its Jobs', () => {
    const cron = { group: 'batch', kind: 'CronJob' }
    const object = {
      metadata: {},
      spec: { jobTemplate: { spec: { template: { spec: { containers: [{ name: 'app' }] } } } } },
    }
    const { spec } = bind(object, cron, by(sink())).object as typeof object
    expect(spec.jobTemplate.spec.template.spec.containers).toEqual([{ name: 'app', env: ours }])
  })

  it('of a Job only while it is being made', () => {
    const jobs = { group: 'batch', kind: 'Job' }
    const object = workload([a])
    expect(bind(object, jobs, by(sink())).object).toBe(object)
    const made = bind(object, jobs, { ...by(sink()), beingMade: true }).object
    expect(envOf(made)).toEqual([a, ...ours])
    // Nothing of it stays but what cannot be changed.
    expect(bind(made, jobs, by()).object).toEqual(workload([a, ...ours]))
  })
})

const names = fc.constantFrom('A', 'B', 'K_SINK', 'K_CE_OVERRIDES', 'X_K_SINK', 'K_CA_CERTS')
const entry = fc.record({ name: names }).chain(({ name }) =>
  fc.oneof(
    fc.constantFrom('http://a/', 'x').map((value): EnvEntry => ({ name, value })),
    fc.constant<EnvEntry>({ name }),
    fc.constant<EnvEntry>({ name, valueFrom: { fieldRef: {} } }),
  ),
)
const containers = (prefix: string) =>
  fc
    .array(fc.option(fc.array(entry, { minLength: 1, maxLength: 6 }), { nil: undefined }), { maxLength: 3 })
    .map((envs) => envs.map((env, i): Container => ({ name: `${prefix}${i}`, ...(env === undefined ? {} : { env }) })))
const templates = fc
  .record({ containers: containers('c'), initContainers: containers('i'), cron: fc.boolean(), marked: fc.boolean() })
  .map(({ cron, marked, ...spec }) => {
    const kind = { group: 'batch', kind: cron ? 'CronJob' : 'Deployment' }
    const nested = podSpecPath(kind)
      .toReversed()
      .reduce<object>((inner, key) => ({ [key]: inner }), spec)
    const object: JsonObject = { metadata: marked ? { annotations: { a: 'b' } } : {}, ...nested }
    return { kind, object }
  })
const sinks = fc.subarray([
  sink(),
  sink({ name: 'b', createdAt: '2025' }),
  sink({ name: 'x', prefix: 'X_' }),
  sink({ name: 'c', variables: null }),
])

describe('for all templates and SinkBindings', () => {
  it('undo gives back what the user wrote', () => {
    fc.assert(
      fc.property(templates, sinks, sinks, ({ kind, object }, some, others) => {
        const once = bind(object, kind, by(...some)).object
        expect(bind(once, kind, by()).object).toEqual(object)
        const changed = bind(once, kind, by(...others)).object
        expect(bind(changed, kind, by()).object).toEqual(object)
      }),
    )
  })

  it('twice is once', () => {
    fc.assert(
      fc.property(templates, sinks, ({ kind, object }, some) => {
        const once = bind(object, kind, by(...some)).object
        expect(bind(once, kind, by(...some)).object).toEqual(once)
        expect(JSON.stringify(bind(once, kind, by(...some)).object)).toBe(JSON.stringify(once))
      }),
    )
  })

  it('the record stands on the workload, not in its template', () => {
    const bound = bind(workload([a]), deployments, by(sink())).object
    expect(JSON.stringify(bound['spec'])).not.toContain(recordAnnotation)
  })
})
