import { z } from 'zod'
import type { LogPlace } from '../../contract/lineage.ts'

const whole = z
  .string()
  .regex(/^\d{1,16}$/, 'must be a whole number')
  .transform(Number)
const text = z.string().min(1, 'must not be empty').max(4_096, 'is too long')
const cluster = text.optional()
const Place = z.object({ topic: text, partition: whole, offset: whole, cluster })

const OfId = z.object({ id: text, source: text.optional() })
const Search = OfId.extend({ topic: text, since: whole, until: whole.optional(), cluster })

/** A record to look at, by its place. */
export interface AskedPlace {
  readonly place: LogPlace
  /** `clusterId`; absent: the main one. */
  readonly cluster: string | undefined
}

/** Records to look for. */
export interface AskedSearch {
  readonly topic: string
  readonly id: string
  readonly source: string | undefined
  /** Milliseconds since 1970, of the time that Kafka knows of a record. */
  readonly since: number
  readonly until: number | undefined
  readonly cluster: string | undefined
}

/** A question that cannot be understood: `message` says why. */
export class BadQuestion extends Error {}

/** @throws BadQuestion. */
export function askedId({ searchParams }: URL): { readonly id: string; readonly source: string | undefined } {
  const { id, source } = read(OfId, searchParams)
  return { id, source }
}

/** @throws BadQuestion. */
export function askedPlace({ searchParams }: URL): AskedPlace {
  const { cluster, ...place } = read(Place, searchParams)
  return { place, cluster }
}

/** @throws BadQuestion. */
export function askedFind(url: URL): AskedPlace | AskedSearch {
  if (url.searchParams.has('offset')) return askedPlace(url)
  const { topic, id, source, since, until, cluster } = read(Search, url.searchParams)
  return { topic, id, source, since, until, cluster }
}

function read<T>(schema: z.ZodType<T>, query: URLSearchParams): T {
  const result = schema.safeParse(Object.fromEntries(query))
  if (result.success) return result.data
  throw new BadQuestion(result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '))
}
