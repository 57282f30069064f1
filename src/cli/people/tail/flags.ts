import { z } from 'zod'
import type { FilterSpec } from '../../../event/filter-spec.ts'
import { FilterList } from '../../../event/filter-spec.ts'
import { UsageError } from '../../flags.ts'
import { clusterFlags, given, httpUrl, kafkaServers, pairs, readTyped, time, wholeNumber } from '../flags.ts'

const TailFlags = z.strictObject({
  ...clusterFlags,
  object: given.optional(),
  kafka: kafkaServers.optional(),
  topic: given.optional(),
  credential: given.optional(),
  display: httpUrl,
  token: given.optional(),
  filter: pairs('type=order.created'),
  prefix: pairs('type=order.'),
  suffix: pairs('type=.created'),
  cesql: given.optional(),
  since: time,
  max: wholeNumber(1).optional(),
  for: time.optional(),
  output: z.enum(['pretty', 'json'], { error: 'must be pretty or json' }),
})
type Read = z.output<typeof TailFlags>

/** What is to be shown. */
export interface TailObject {
  readonly kind: 'Broker' | 'Trigger'
  readonly name: string
}

/** Flags of `tail`. */
export type TailFlags = ReturnType<typeof tailFlags>

/** @throws UsageError with every problem at once. */
export function tailFlags(typed: unknown) {
  const flags = readTyped(TailFlags, typed, ['object'])
  const { object, wrong } = objectOf(flags.object)
  const problems = [...wrong, ...problemsOf(flags)]
  const wanted = filtersOf(flags)
  if (typeof wanted === 'string') problems.push(wanted)
  if (problems.length > 0 || typeof wanted === 'string') throw new UsageError(problems.join('\n'))
  return { ...flags, object, wanted }
}

function objectOf(text: string | undefined): { readonly object: TailObject | null; readonly wrong: readonly string[] } {
  if (text === undefined) return { object: null, wrong: [] }
  const [, kind = 'broker', name] = /^(?:(brokers?|triggers?)\/)?([^/]+)$/i.exec(text) ?? []
  if (name === undefined)
    return { object: null, wrong: [`OBJECT must be NAME, broker/NAME or trigger/NAME, not ${JSON.stringify(text)}`] }
  return { object: { kind: /^b/i.test(kind) ? 'Broker' : 'Trigger', name }, wrong: [] }
}

function problemsOf({ kafka, topic, credential, token, object }: Read): string[] {
  if (kafka !== undefined) {
    const named = topic === undefined && object === undefined
    return [
      ...(named ? ['OBJECT is missing: which Broker or Trigger, e.g. broker/default; or say --topic'] : []),
      ...(topic !== undefined && object !== undefined ? ['--topic is of no use beside OBJECT'] : []),
      ...(token === undefined ? [] : ['--token is of no use beside --kafka']),
    ]
  }
  const useless = { topic, credential }
  return Object.entries(useless).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name} is of use with --kafka only`],
  )
}

/** All must pass. A sentence: what is wrong. */
function filtersOf({ filter, prefix, suffix, cesql }: Read): readonly FilterSpec[] | string {
  const maps = { exact: filter, prefix, suffix }
  const asked = Object.entries(maps).flatMap(([dialect, map]) =>
    Object.keys(map).length === 0 ? [] : [{ [dialect]: map }],
  )
  const read = FilterList.safeParse(cesql === undefined ? asked : [...asked, { cesql }])
  if (read.success) return read.data
  const [issue] = read.error.issues
  const at = String(issue?.path[1] ?? '').replace('exact', 'filter')
  return `--${at} ${issue?.message ?? 'is no filter'}`
}
