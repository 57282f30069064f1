import { compileFilter, type CompiledFilter } from '../src/event/filter.ts'
import type { FilterSpec } from '../src/event/filter-spec.ts'
import { MatchIndex } from '../src/event/match-index.ts'
import type { Figure } from './support/report.ts'

const bench = 'match'
/** Each event is of one of these, and so is each Trigger: one in a hundred matches. */
const tenants = 100
const counts = [1, 100, 10_000] as const
const names = {
  1: 'CPU an event, 1 Trigger, which matches every hundredth',
  100: 'CPU an event, 100 Triggers, 1 of which matches',
  10_000: 'CPU an event, 10,000 Triggers, 100 of which match',
} as const
/** Measured in turns, so that what else the machine does meets all alike. */
const rounds = 5

/** Each dialect in turn. All look for one tenant, each in its own way. */
const forms: readonly ((tenant: number) => FilterSpec)[] = [
  (t) => ({ exact: { type: `com.example.t${t}.created` } }),
  (t) => ({ prefix: { type: `com.example.t${t}.` } }),
  (t) => ({ suffix: { subject: `/t${t}` } }),
  (t) => ({ any: [{ exact: { subject: `orders/t${t}` } }, { exact: { type: `com.example.t${t}.none` } }] }),
  (t) => ({ all: [{ exact: { env: 'prod', tenant: `t${t}` } }, { not: { exact: { type: 'test' } } }] }),
  (t) => ({ cesql: `env = 'prod' AND type = 'com.example.t${t}.created' AND EXISTS subject` }),
]

const events = Array.from(
  { length: tenants },
  (_, t) =>
    new Map([
      ['specversion', '1.0'],
      ['id', `7b1f-${t}`],
      ['source', '/shop/orders'],
      ['type', `com.example.t${t}.created`],
      ['subject', `orders/t${t}`],
      ['time', '2026-01-01T00:00:00Z'],
      ['datacontenttype', 'application/json'],
      ['env', 'prod'],
      ['tenant', `t${t}`],
    ]),
)

/**
 * What it costs to find the Triggers of an event, of which one in a hundred matches, in all dialects. The raw limit asks only the filters that
 * match, and knows which those are.
 */
export async function match(total: number): Promise<readonly Figure[]> {
  const figures = counts.map((count): Figure => {
    const scene = sceneOf(count)
    // As many filters that match in each: what is measured takes as long.
    const looks = Math.max(tenants, Math.round(total / Math.max(1, count / tenants)))
    let [indexed, raw] = [0, 0]
    for (let round = 0; round <= rounds; round++) {
      const [one, other] = [cpuOf(looks, scene.indexed), cpuOf(looks, scene.raw)]
      // the first is a warm-up
      if (round > 0) [indexed, raw] = [indexed + one / rounds, raw + other / rounds]
    }
    const holds = indexed <= 1.5 * raw + 1
    return {
      bench,
      what: names[count],
      value: indexed,
      limit: raw,
      unit: 'µs',
      asked: { text: '≤ 1.5 × raw + 1 µs', holds },
    }
  })
  const many = sceneOf(10_000)
  const each = cpuOf(tenants, many.each)
  const asked = figures.at(-1)?.value ?? 0
  return [
    ...figures,
    {
      bench,
      what: 'the same, each of 10,000 asked',
      value: each,
      unit: 'µs',
      asked: { text: '≥ 20 × the index', holds: each >= asked * 20 },
    },
  ]
}

interface Way {
  (event: number, into: CompiledFilter[]): void
}

function sceneOf(count: number): { readonly indexed: Way; readonly raw: Way; readonly each: Way } {
  const index = new MatchIndex<CompiledFilter>()
  const all: CompiledFilter[] = []
  const ofTenant = Array.from({ length: tenants }, (): CompiledFilter[] => [])
  for (let i = 0; i < count; i++) {
    const tenant = i % tenants
    const form = forms[Math.floor(i / tenants + tenant) % forms.length] ?? forms[0]
    const filter = compileFilter(form?.(tenant) ?? { attributes: {} })
    index.add(filter, filter)
    all.push(filter)
    ofTenant[tenant]?.push(filter)
  }
  const ask = (filters: readonly CompiledFilter[], event: number, into: CompiledFilter[]): void => {
    const attributes = events[event] ?? new Map<string, string>()
    for (const filter of filters) if (filter.matches(attributes)) into.push(filter)
  }
  return {
    indexed: (event, into) => void index.match(events[event] ?? new Map<string, string>(), into),
    raw: (event, into) => ask(ofTenant[event] ?? [], event, into),
    each: (event, into) => ask(all, event, into),
  }
}

/** CPU of the process, µs an event. */
function cpuOf(looks: number, way: Way): number {
  const into: CompiledFilter[] = []
  const before = process.cpuUsage()
  for (let i = 0; i < looks; i++) {
    into.length = 0
    way(i % tenants, into)
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / looks
}
