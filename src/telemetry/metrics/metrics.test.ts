import { expect, it } from 'vitest'
import { Bounded } from './bounded.ts'
import { Answers, Distribution } from './distribution.ts'
import { counter, gauge, histogram, labelText } from './family.ts'
import { Metrics } from './metrics.ts'
import type { MetricSource, Samples } from './samples.ts'

const seen = counter('seen_total', ['of'], 'How much was seen.')
const depth = gauge('depth', ['of'], 'How "deep" it is.\nSecond line.')
const took = histogram('took_seconds', [], 'How long it took.', [0.5, 1])

async function page(metrics: Metrics, format: 'text' | 'openmetrics' = 'text'): Promise<string> {
  return Buffer.concat(await metrics.page(format)).toString()
}

function source(collect: (samples: Samples) => Iterable<unknown>): MetricSource {
  return { families: [seen, depth], collect }
}

it('writes the text format: one block a family, whatever the order in which it was told', async () => {
  const metrics = new Metrics()
  metrics.counter(counter('few_total', [], 'Few.'))({}, 2)
  metrics.histogram(took)({}, 0.7)
  metrics.add(
    source(function* (samples) {
      samples.add(seen, labelText({ of: 'a' }), 1)
      samples.add(depth, labelText({ of: 'a' }), 0.5)
      yield
      samples.add(seen, labelText({ of: 'b"\\\n' }), 2)
    }),
  )
  const lines = (await page(metrics)).split('\n')
  expect(lines).toEqual([
    ...['# HELP few_total Few.', '# TYPE few_total counter', 'few_total 2'],
    ...['# HELP took_seconds How long it took.', '# TYPE took_seconds histogram'],
    ...['took_seconds_bucket{le="0.5"} 0', 'took_seconds_bucket{le="1.0"} 1', 'took_seconds_bucket{le="+Inf"} 1'],
    ...['took_seconds_sum 0.7', 'took_seconds_count 1'],
    ...['# HELP seen_total How much was seen.', '# TYPE seen_total counter'],
    ...['seen_total{of="a"} 1', 'seen_total{of="b\\"\\\\\\n"} 2'],
    ...['# HELP depth How "deep" it is.\\nSecond line.', '# TYPE depth gauge', 'depth{of="a"} 0.5', ''],
  ])
})

it('writes OpenMetrics: counters without their ending, quotes escaped, and an end', async () => {
  const metrics = new Metrics()
  metrics.add(
    source(function* (samples) {
      samples.add(seen, '', 1)
      samples.add(depth, '', 2)
      yield
    }),
  )
  const text = await page(metrics, 'openmetrics')
  expect(text).toContain('# TYPE seen counter\nseen_total 1\n')
  expect(text).toContain('# HELP depth How \\"deep\\" it is.\\nSecond line.')
  expect(text.endsWith('# EOF\n')).toBe(true)
})

it('tells gauges as they are when the page is made, and forgets series that are gone', async () => {
  const metrics = new Metrics()
  let now: readonly (readonly [{ of: string }, number])[] = [[{ of: 'a' }, 1]]
  metrics.gauge(depth, () => now)
  expect(await page(metrics)).toContain('depth{of="a"} 1')
  now = [[{ of: 'b' }, 2]]
  const later = await page(metrics)
  expect(later).toContain('depth{of="b"} 2')
  expect(later).not.toContain('of="a"')
})

it('lets others run while a long page is made', async () => {
  const metrics = new Metrics()
  metrics.add(
    source(function* (samples) {
      for (let i = 0; i < 20_000; i++) {
        samples.histogram(took, labelText({ of: `object-${i}` }), new Distribution([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]))
        if (i % 50 === 0) yield
      }
    }),
  )
  let turns = 0
  let done = false
  const turn = (): void => {
    turns++
    if (!done) setImmediate(turn)
  }
  setImmediate(turn)
  await metrics.page('text')
  done = true
  expect(turns).toBeGreaterThan(3)
})

it('keeps the number of series bounded: the others are added up, and their sum never falls', () => {
  const bounded = new Bounded(2)
  const round = (objects: Record<string, number>): string[] => {
    bounded.begin()
    return Object.entries(objects).flatMap(([uid, count]) => {
      if (bounded.named(uid)) return [uid]
      bounded.add(uid, [count])
      return []
    })
  }
  expect(round({ a: 1, b: 1 })).toEqual(['a', 'b'])
  expect(bounded.sums).toBeNull()
  expect(round({ a: 1, b: 1, c: 5, d: 1 })).toEqual(['a', 'b'])
  expect(bounded.sums).toEqual([6])
  // one of the named goes: its place is for who comes new, and who is with the others stays there
  expect(round({ b: 1, c: 6, d: 1 })).toEqual(['b'])
  expect(round({ b: 1, c: 6, e: 9 })).toEqual(['b', 'e'])
  expect(bounded.sums).toEqual([7])
  // one that began anew counts from zero
  expect(round({ b: 1, c: 2, e: 9 })).toEqual(['b', 'e'])
  expect(bounded.sums).toEqual([9])
})

it('keeps the status codes of one object bounded', () => {
  const answers = new Answers()
  for (let status = 200; status < 300; status++) answers.answered(status, 1)
  answers.answered(0, 1)
  const byCode = new Map(answers.byCode())
  expect(byCode.size).toBe(13)
  expect(byCode.get('200')?.events).toBe(1)
  expect(byCode.get('other')?.events).toBe(89)
})

it('puts a value that equals a bound below it', () => {
  const distribution = new Distribution([1, 2])
  for (const value of [1, 1.5, 2, 3]) distribution.observe(value)
  expect(distribution.counts).toEqual([1, 2, 1])
})
