import type { Encoding } from './pump.ts'
import type { Rates } from './rates.ts'
import type { EventRing } from './ring.ts'
import type { KeptEvent } from './seen-event.ts'

/** What a client of `/events` gets: what the page needs, events in the JSON format of CloudEvents would be, or their data alone. */
export const sseFormats = ['seen', 'data'] as const
export type SseFormat = (typeof sseFormats)[number]

interface Told {
  readonly ring: EventRing
  readonly rates: Rates
  /** Tells one start of the viewer from the next, which counts from 1 again. */
  readonly run: string
  readonly hasTopology: boolean
  readonly hasLineage: boolean
}

/**
 * Server-Sent Events (HTML §9.2). An event is a block of `data:` alone, so that whoever reads with a few lines of code can; the id follows in
 * a block of its own, which a browser remembers and sends as Last-Event-ID when it comes back:
 *
 *     event: hello    once: which run this is, the rates so far
 *     data: {...}     an event
 *     id: <run>-<n>   up to here
 *     event: missed   so many were let go before they could be sent
 *     event: tick     about once a second: the rate, how many there were, in all and for each path
 */
export function sseEncoding(format: SseFormat, told: Told): Encoding {
  const block = format === 'data' ? dataBlocks : (kept: KeptEvent) => [prefix, kept.json, end]
  const id = (last: number) => `id: ${told.run}-${last}\n\n`
  let paths = ''
  return {
    portion: ({ events, missed }, last) => {
      const parts: Uint8Array[] = missed > 0 ? [named('missed', { count: missed })] : []
      for (const kept of events) parts.push(...block(kept))
      parts.push(Buffer.from(id(last)))
      return Buffer.concat(parts)
    },
    tick: (last) => {
      const now = [...told.ring.perPath]
      const changed = now.join() !== paths
      paths = now.join()
      const tick = { rate: told.rates.latest(), total: told.ring.newest, ...(changed ? { paths: now } : {}) }
      return Buffer.concat([named('tick', tick), Buffer.from(id(last))])
    },
  }
}

/** What a stream begins with: how soon to come back after a break, and who speaks. */
export function sseHello(format: SseFormat, { run, rates, ring, hasTopology, hasLineage }: Told): Buffer {
  const retry = Buffer.from('retry: 1000\n\n')
  if (format === 'data') return retry
  const kept = ring.limit.events
  const hello = {
    run,
    history: rates.history(),
    total: ring.newest,
    paths: [...ring.perPath],
    kept,
    topology: hasTopology,
    lineage: hasLineage,
  }
  return Buffer.concat([retry, named('hello', hello)])
}

/** @returns the number after the last event that the client has had; null when that was of another run or is not known. */
export function resumeAt(lastEventId: string | undefined, run: string): number | null {
  const [, of, number] = /^([\w]+)-(\d{1,15})$/.exec(lastEventId ?? '') ?? []
  return of === run ? Number(number) + 1 : null
}

const prefix = Buffer.from('data: ')
const end = Buffer.from('\n\n')

/** Data may have lines of its own; a CR ends one too. */
function dataBlocks({ event }: KeptEvent): Uint8Array[] {
  const lines = (event.data?.toString('utf8') ?? '').split(/\r\n|\r|\n/)
  return [Buffer.from(`${lines.map((line) => `data: ${line}`).join('\n')}\n\n`)]
}

/** JSON has no bare line break, so that one `data:` line holds it all. */
function named(event: string, data: object): Buffer {
  return Buffer.from(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
}
