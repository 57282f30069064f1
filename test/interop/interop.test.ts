import { createHash } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { kafkaBootstrap } from '../support/kafka.ts'
import { caseNames, modes } from './cases.ts'
import { sdks, type Sdk } from './program.ts'
import { aTime, asSent, asShown } from './quirks.ts'
import { batching, idOf, play, type Seen } from './scene.ts'
import type { Event } from './witness.ts'

/** On a machine that has never run it the SDKs come from their registries, and Go compiles. */
const tenMinutes = 600_000

let seen: Seen
beforeAll(async () => {
  seen = await play(kafkaBootstrap())
}, tenMinutes)

/** What the data plane adds to an event. */
const added = ['knativearrivaltime', 'knativebrokerttl', 'knativekafkapartition', 'knativekafkaoffset']

/** An event as it is compared: without what the data plane added; data by length and SHA-256, and as text where that helps to see a difference. */
function compared({ attributes, data }: Event, timeIsMadeUp: boolean) {
  const own = Object.fromEntries(Object.entries(attributes).filter(([name]) => !added.includes(name)))
  const moment = Date.parse(own['time'] ?? '')
  // made up a second earlier at most, where a clock is read in whole seconds
  if (timeIsMadeUp && moment >= seen.span[0] - 1_000 && moment <= seen.span[1] + 1_000) own['time'] = aTime
  if (data === null) return { attributes: own, data: null }
  const sha256 = createHash('sha256').update(data).digest('hex')
  return { attributes: own, data: { length: data.length, sha256, text: data.toString('utf8', 0, 200) } }
}

/** Both as they are compared: found, wanted. */
function pair(found: Event | undefined, wanted: Event | null) {
  const timeIsMadeUp = wanted?.attributes['time'] === aTime
  return [found && compared(found, timeIsMadeUp), wanted === null ? undefined : compared(wanted, false)] as const
}

function witnessed(id: string): Event {
  const events = seen.witnessed.get(id) ?? []
  expect(events, `${id} arrives once`).toHaveLength(1)
  return events[0]!
}

describe.each(sdks)('the SDK for %s', (sdk) => {
  describe.each(modes)('in %s mode', (mode) => {
    test.each(caseNames)('sends %s', (name) => arrivesAsMade({ sdk, way: 'sent', mode }, name))
    test.each(caseNames)('answers with %s', (name) => arrivesAsMade({ sdk, way: 'answered', mode }, name))
    test('reads what all four SDKs have sent and answered', () => {
      const { found, unread } = shown(sdk, mode)
      const stored = [...seen.passages.keys()].map((id) => [id, witnessed(id)] as const)
      const wanted = stored.map(([id, event]) => [id, asShown(sdk, mode, event)] as const)
      const pairs = wanted.map(([id, event]) => [id, pair(found.get(id), event)] as const)
      const side = (at: 0 | 1) => Object.fromEntries(pairs.map(([id, both]) => [id, both[at]]))
      expect(side(0)).toEqual(side(1))
      const refused = wanted.filter(([, event]) => event === null)
      expect(unread, JSON.stringify(unread)).toHaveLength(refused.length)
    })
  })
})

function arrivesAsMade(passage: Parameters<typeof idOf>[0], name: string): void {
  const id = idOf(passage, name)
  const found = seen.passages.get(id)
  expect(found).toBeDefined()
  if (passage.way !== 'answered') expect(seen.outcomes.get(id)).toMatchObject({ status: 202 })
  const [stored, wanted] = pair(witnessed(id), asSent(found!))
  expect(stored).toEqual(wanted)
}

/** What a subscriber of this SDK showed of deliveries in this mode. */
function shown(sdk: Sdk, mode: string) {
  const here = seen.reports[sdk].filter(({ path }) => path === `/read/${mode}`)
  const found = new Map<string, Event>()
  for (const report of here) {
    if ('error' in report) continue
    const id = report.attributes['id'] ?? ''
    expect(found.has(id), `${id} was delivered twice`).toBe(false)
    found.set(id, {
      attributes: report.attributes,
      data: report.data === null ? null : Buffer.from(report.data, 'base64'),
    })
  }
  return { found, unread: here.filter((report) => 'error' in report) }
}

describe('a batch', () => {
  describe.each(batching)('of the SDK for %s', (sdk) => {
    test.each(caseNames)('brings %s', (name) => arrivesAsMade({ sdk, way: 'batched', mode: 'structured' }, name))
  })
  // What an SDK cannot do.
  test.skip('of the SDK for python: 2.2.0 writes no batches', () => undefined)
  test.skip('of the SDK for java: 4.0.1 writes no batches', () => undefined)
})

describe('an attribute that the application has not percent-encoded, in binary mode', () => {
  test('python: the SDK does it', () => {
    expect(seen.outcomes.get('python/letters')).toMatchObject({ status: 202 })
    expect(seen.outcomes.get('python/percent')).toMatchObject({ status: 202 })
  })
  test.each(['javascript', 'java'] as const)('%s: letters beyond Latin 1 are refused by its HTTP client', (sdk) => {
    expect(seen.outcomes.get(`${sdk}/letters`)).toMatchObject({ error: expect.stringMatching(/./) })
  })
  test('go: letters are sent as UTF-8, which is taken', () => {
    expect(seen.outcomes.get('go/letters')).toMatchObject({ status: 202 })
  })
  test.each(['javascript', 'go', 'java'] as const)('%s: a percent sign gets 400, which says what to do', (sdk) => {
    expect(seen.outcomes.get(`${sdk}/percent`)).toMatchObject({ status: 400 })
  })
})
