import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { filterOf } from '../../src/api/trigger-filter.ts'
import { TriggerSpec } from '../../src/api/trigger.ts'
import type { Outlet } from '../../src/contract/outlet.ts'
import { eventually, eventuallyPasses } from '../support/eventually.ts'
import { openMill, type Mill, type OpenLog, type Sent } from './delivery-rules-rig.ts'

/** Part of a Trigger's spec, as in a manifest. */
interface Filtered {
  readonly filter?: object
  readonly filters?: readonly object[]
}

const binary = (headers: Readonly<Record<string, string>>): Sent => ({
  headers: { 'ce-specversion': '1.0', 'ce-source': '/shop', ...headers, 'content-type': 'application/json' },
  body: '{}',
})
const structured = (event: object): Sent => ({
  headers: { 'content-type': 'application/cloudevents+json' },
  body: JSON.stringify({ specversion: '1.0', source: '/bank', ...event }),
})

/** What is sent, by id. */
const sent: Readonly<Record<string, Sent>> = {
  created: binary({ 'ce-id': 'created', 'ce-type': 'order.created', 'ce-subject': 'orders/1', 'ce-tenant': 'acme' }),
  paid: binary({ 'ce-id': 'paid', 'ce-type': 'order.paid', 'ce-subject': 'orders/2', 'ce-tenant': 'globex' }),
  upper: binary({ 'ce-id': 'upper', 'ce-type': 'Order.Created', 'ce-source': '/Shop' }),
  umlaut: binary({ 'ce-id': 'umlaut', 'ce-type': 'gru%C3%9F', 'ce-tenant': 'acm%C3%A9' }),
  bill: structured({ id: 'bill', type: 'bill.created', subject: 'bills/1', rank: 5, urgent: true }),
  bare: structured({ id: 'bare', type: 'order' }),
}
const everyId = Object.keys(sent)

/** A rule as a sentence, a Trigger, and what it gets. */
const rules: readonly (readonly [rule: string, trigger: Filtered, ids: readonly string[]])[] = [
  ['without a filter every event comes', {}, everyId],
  ['an empty filter lets every event pass', { filter: { attributes: {} } }, everyId],
  [
    'filter.attributes: all must be equal',
    { filter: { attributes: { source: '/shop', type: 'order.paid' } } },
    ['paid'],
  ],
  [
    "filter.attributes: '' asks that the attribute is there",
    { filter: { attributes: { subject: '' } } },
    ['created', 'paid', 'bill'],
  ],
  ['no item in filters: filter counts', { filters: [], filter: { attributes: { type: 'order' } } }, ['bare']],
  [
    'filters replace filter as a whole',
    { filters: [{ exact: { type: 'order' } }], filter: { attributes: { type: 'order.paid' } } },
    ['bare'],
  ],
  [
    'items of filters must all pass',
    { filters: [{ prefix: { type: 'order.' } }, { suffix: { type: '.created' } }] },
    ['created'],
  ],
  ['exact: the whole value, and case counts', { filters: [{ exact: { type: 'order.created' } }] }, ['created']],
  ['exact: all attributes', { filters: [{ exact: { source: '/shop', tenant: 'globex' } }] }, ['paid']],
  ['exact: an attribute that is missing equals nothing', { filters: [{ exact: { region: 'eu' } }] }, []],
  ['exact: text beyond ASCII', { filters: [{ exact: { type: 'gruß' } }] }, ['umlaut']],
  ['exact: an integer by its text', { filters: [{ exact: { rank: '5' } }] }, ['bill']],
  ['exact: a boolean by its text', { filters: [{ exact: { urgent: 'true' } }] }, ['bill']],
  [
    'exact: the media type of the data',
    { filters: [{ exact: { datacontenttype: 'application/json' } }] },
    ['created', 'paid', 'upper', 'umlaut'],
  ],
  ['prefix: the beginning', { filters: [{ prefix: { type: 'order.' } }] }, ['created', 'paid']],
  ['prefix: the whole value is a beginning', { filters: [{ prefix: { type: 'order' } }] }, ['created', 'paid', 'bare']],
  ['prefix: all attributes', { filters: [{ prefix: { type: 'order.', tenant: 'ac' } }] }, ['created']],
  [
    'prefix: of a missing attribute nothing, and nothing breaks',
    { filters: [{ prefix: { subject: 'bills/' } }] },
    ['bill'],
  ],
  ['suffix: the end', { filters: [{ suffix: { type: '.created' } }] }, ['created', 'bill']],
  ['suffix: text beyond ASCII', { filters: [{ suffix: { tenant: 'é' } }] }, ['umlaut']],
  [
    'suffix: of a missing attribute nothing, and nothing breaks',
    { filters: [{ suffix: { datacontenttype: 'xml' } }] },
    [],
  ],
  [
    'all: every one of them',
    { filters: [{ all: [{ exact: { source: '/shop' } }, { prefix: { tenant: 'g' } }] }] },
    ['paid'],
  ],
  [
    'any: one of them is enough',
    { filters: [{ any: [{ exact: { type: 'order' } }, { suffix: { subject: '/2' } }] }] },
    ['paid', 'bare'],
  ],
  [
    'any: several that hold bring an event once',
    { filters: [{ any: [{ prefix: { type: 'o' } }, { prefix: { type: 'or' } }, { exact: { id: 'paid' } }] }] },
    ['created', 'paid', 'bare'],
  ],
  [
    'not: what does not pass',
    { filters: [{ not: { prefix: { source: '/bank' } } }] },
    ['created', 'paid', 'upper', 'umlaut'],
  ],
  [
    'not: a missing attribute passes',
    { filters: [{ not: { exact: { tenant: 'acme' } } }] },
    ['paid', 'upper', 'umlaut', 'bill', 'bare'],
  ],
  ['not not', { filters: [{ not: { not: { exact: { type: 'order' } } } }] }, ['bare']],
  [
    'not all: one that fails is enough',
    { filters: [{ not: { all: [{ exact: { source: '/shop' } }, { prefix: { type: 'order.' } }] } }] },
    ['upper', 'umlaut', 'bill', 'bare'],
  ],
  [
    'not any: none of them',
    { filters: [{ not: { any: [{ prefix: { type: 'o' } }, { prefix: { type: 'O' } }] } }] },
    ['umlaut', 'bill'],
  ],
  [
    'nested: any of all of not',
    {
      filters: [
        {
          any: [
            { all: [{ suffix: { type: 'd' } }, { not: { prefix: { type: 'order' } } }] },
            { exact: { type: 'order' } },
          ],
        },
      ],
    },
    ['upper', 'bill', 'bare'],
  ],
  ['nested thirty-two levels', { filters: [deep()] }, ['paid']],
  ['cesql: true', { filters: [{ cesql: "type LIKE 'order.%' AND tenant = 'acme'" }] }, ['created']],
  ['cesql: an equality', { filters: [{ cesql: "type = 'order.paid'" }] }, ['paid']],
  ['cesql: EXISTS', { filters: [{ cesql: 'EXISTS tenant' }] }, ['created', 'paid', 'umlaut']],
  [
    'cesql: an error is not true: a missing attribute',
    { filters: [{ cesql: "NOT (tenant = 'acme')" }] },
    ['paid', 'umlaut'],
  ],
  ['cesql: an error is not true: a cast', { filters: [{ cesql: 'INT(tenant) = 1 OR TRUE' }] }, []],
  ['cesql: an integer', { filters: [{ cesql: 'EXISTS rank AND INT(rank) > 4' }] }, ['bill']],
  ['cesql: a text is not true', { filters: [{ cesql: 'type' }] }, []],
  [
    'cesql below not: an error did not pass',
    { filters: [{ not: { cesql: "tenant = 'acme'" } }] },
    ['paid', 'upper', 'umlaut', 'bill', 'bare'],
  ],
  [
    'cesql beside other dialects',
    { filters: [{ prefix: { type: 'order.' } }, { any: [{ cesql: "subject = 'orders/1'" }, { cesql: 'FALSE' }] }] },
    ['created'],
  ],
]

function deep(): object {
  let filter: object = { exact: { type: 'order.paid' } }
  for (let level = 1; level < 32; level++) filter = level % 2 === 1 ? { any: [filter] } : { all: [filter] }
  return filter
}

/** As a controller compiles it: through the schema of a Trigger. */
function filterIn(trigger: Filtered): Outlet['filter'] {
  return filterOf(TriggerSpec.parse({ broker: 'default', subscriber: { uri: 'http://a/' }, ...trigger }))
}

/** The rules of filters on a log, from HTTP to HTTP: one Trigger a rule, all on one topic, and each event is sent once. */
export function filterRules(where: string, open: () => Promise<OpenLog>): void {
  describe(`the rules of filters, ${where}`, () => {
    let mill: Mill | undefined
    const outlets = new Map<string, Outlet>()
    beforeAll(async () => {
      mill = await openMill(open)
      const { rig, runner, subscriber } = mill
      for (const [n, [rule, trigger]] of rules.entries()) {
        outlets.set(rule, rig.outlet(subscriber.url, { uid: `rule-${n}`, filter: filterIn(trigger) }))
      }
      for (const outlet of outlets.values()) runner.routes.outlets.set(outlet)
      for (const { uid } of outlets.values()) await rig.consuming(runner, uid)
      for (const one of Object.values(sent)) expect((await mill.send(one)).status).toBe(202)
      await eventually('who takes all has all', () => got(mill, 'a').length === everyId.length)
      // What is under way ends, and each position is committed: then nobody has an event before it.
      await runner.close()
    })
    afterAll(() => mill?.[Symbol.asyncDispose]())

    it.each(rules)('%s', async (rule, _, ids) => {
      const outlet = outlets.get(rule)
      if (mill === undefined || outlet === undefined) throw new Error('no such rule')
      expect(got(mill, outlet.uid).toSorted()).toEqual([...ids].toSorted())
      expect(await mill.rig.committed(outlet)).toBe(everyId.length)
    })
  })

  test(`a filter that is edited while events come takes over, and no event is lost or comes twice, ${where}`, async () => {
    await using mill = await openMill(open)
    const { rig, runner, subscriber } = mill
    const wants = (n: number): Outlet['filter'] => filterIn(forms[n % forms.length] ?? {})
    const edited = rig.outlet(subscriber.url, { uid: 'edited', filter: wants(0) })
    runner.routes.outlets.set(edited)
    await rig.consuming(runner, 'edited')
    const count = 400
    let generation = 1
    for (let n = 0; n < count; n++) {
      const { status } = await mill.send(binary({ 'ce-id': `${n}`, 'ce-type': n % 2 === 0 ? 'wanted' : 'other' }))
      expect(status).toBe(202)
      if (n % 5 === 0) runner.routes.outlets.set({ ...edited, generation: ++generation, filter: wants(generation) })
    }
    const wanted = Array.from({ length: count / 2 }, (_, i) => `${2 * i}`)
    await eventually('all are there', () => new Set(got(mill, 'edited').filter(isEven)).size === wanted.length)
    await eventually('who takes all has all', () => got(mill, 'a').length === count)
    runner.routes.outlets.set({
      ...edited,
      generation: ++generation,
      filter: filterIn({ filters: [{ exact: { type: 'last' } }] }),
    })
    await mill.send(binary({ 'ce-id': 'x', 'ce-type': 'wanted' }))
    await mill.send(binary({ 'ce-id': 'y', 'ce-type': 'last' }))
    await eventuallyPasses('the last filter holds', () => expect(got(mill, 'edited').at(-1)).toBe('y'))
    await runner.close()
    const ids = got(mill, 'edited')
    expect(ids.filter((id) => id !== 'y' && isEven(id)).toSorted()).toEqual(wanted.toSorted())
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids).not.toContain('x')
  })
}

/** All of them pass what is wanted, each filed otherwise. */
const forms: readonly Filtered[] = [
  { filters: [{ exact: { type: 'wanted' } }] },
  { filters: [{ prefix: { type: 'want' } }] },
  {},
  { filters: [{ not: { exact: { type: 'other' } } }] },
  { filters: [{ any: [{ suffix: { type: 'ed' } }, { prefix: { type: 'w' } }] }] },
  { filters: [{ cesql: "type = 'wanted'" }] },
  { filter: { attributes: { type: 'wanted', source: '' } } },
]

const isEven = (id: string): boolean => Number(id) % 2 === 0

/** Ids that came to a Trigger, in order of arrival. */
function got(mill: Mill | undefined, uid: string): string[] {
  return (mill?.subscriber.got ?? []).filter(({ path }) => path === `/${uid}`).map(({ id }) => id)
}
