import { describe, expect, it } from 'vitest'
import { Fault } from '../../core/fault.ts'
import { eventually } from '../../../test/support/eventually.ts'
import { IngressRig, type Answer } from '../../../test/support/ingress-rig.ts'

const type = { 'content-type': 'application/cloudevents-batch+json' }
const event = (n: number, more: object = {}): object => ({
  ...{ specversion: '1.0', id: String(n), source: '/s', type: 't' },
  ...more,
})
const events = (count: number): string => JSON.stringify(Array.from({ length: count }, (_, n) => event(n)))
const post = (rig: IngressRig, body: string): Promise<Answer> => rig.send('/shop/default', type, body)
const problemOf = ({ body }: Answer): Record<string, unknown> => JSON.parse(body) as Record<string, unknown>
const idsOf = async (rig: IngressRig): Promise<(string | undefined)[]> =>
  (await rig.records()).map(({ headers }) => headers.find(([name]) => name === 'ce_id')?.[1]?.toString())

const unknown = new Fault('LogTimeout', 'it broke')
const unsent = new Fault('LogUnavailable', 'it broke', { details: { sent: 0 } })
const overloaded = new Fault('LogOverloaded', 'it broke')
const large = new Fault('RecordTooLarge', 'it broke', { details: { limit: 9 } })

describe('a batch', () => {
  it('is answered when the last of its events is stored', async () => {
    await using rig = await IngressRig.open()
    let open = (): void => {}
    rig.gate.open = new Promise((resolve) => (open = resolve))
    let status = 0
    const answered = post(rig, events(3)).then((answer) => (status = answer.status))
    await eventually('all three wait', () => rig.gate.waiting === 3)
    expect(status).toBe(0)
    open()
    expect(await answered).toBe(202)
    expect(await idsOf(rig)).toEqual(['0', '1', '2'])
  })

  it('of which only part could be stored is 503, and the answer says that a retry may repeat events, and which are not stored', async () => {
    await using rig = await IngressRig.open()
    rig.gate.breaks = (n) => (n === 1 || n === 3 ? unknown : null)
    const answer = await post(rig, events(5))
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '5'])
    expect(problemOf(answer)).toMatchObject({ code: 'Unavailable', index: 1, stored: 3, unconfirmed: [1, 3] })
    expect(answer.body).toContain('may repeat events')
    expect(await idsOf(rig)).toEqual(['0', '2', '4'])
    expect((await post(rig, events(1))).status).toBe(202)
  })

  it.each([
    ['nothing was sent: no event can be repeated', [unsent, unsent], 503, 'None of the batch is stored'],
    ['nothing is known to be stored: events may be repeated', [unknown, unsent], 503, 'may repeat events'],
    ['the log has no room for any: it is too busy', [overloaded, overloaded], 429, 'not stored: send it again later'],
    ['the log has no room for the rest', [null, overloaded], 503, 'may repeat events'],
    ['one is too large and others failed: it will never pass', [unknown, large], 413, 'Event 1 of the batch'],
    ['all are too large', [large, large], 413, 'None of the batch is stored'],
    ['a defect', [null, new TypeError('a defect')], 500, 'may be stored'],
  ])('%s', async (_, faults, status, says) => {
    await using rig = await IngressRig.open()
    rig.gate.breaks = (n) => faults[n] ?? null
    const answer = await post(rig, events(faults.length))
    expect(answer.status).toBe(status)
    expect(answer.headers['retry-after'] !== undefined).toBe(status === 503 || status === 429)
    expect(problemOf(answer)['detail']).toContain(says)
  })

  it('whose topic is gone is 503', async () => {
    await using rig = await IngressRig.open()
    rig.inlets.set({ ...rig.inlets.current.get('default')!, topic: 'gone' })
    expect((await post(rig, events(2))).status).toBe(503)
  })

  it('counts in the budget with its events, not only with its bytes: many small ones are refused, and then there is room again', async () => {
    await using rig = await IngressRig.open({ maxBytesInFlight: 1_000_000 })
    const answer = await post(rig, events(1_000))
    expect([answer.status, answer.headers['retry-after']]).toEqual([429, '1'])
    expect(await rig.records()).toEqual([])
    for (let round = 0; round < 5; round++) expect((await post(rig, events(300))).status).toBe(202)
  })

  it('may come in chunks of unknown sum, up to its limit', async () => {
    await using rig = await IngressRig.open({ maxEventBytes: 20_000, maxBatchBytes: 60_000 })
    const chunked = { ...type, 'transfer-encoding': 'chunked' }
    const body = JSON.stringify([event(0, { data: 'x'.repeat(19_000) }), event(1, { data: 'x'.repeat(19_000) })])
    expect((await rig.send('/shop/default', chunked, body)).status).toBe(202)
    const answer = await rig.send('/shop/default', chunked, `[${' '.repeat(60_000)}]`)
    expect([answer.status, problemOf(answer)['code']]).toEqual([413, 'BatchTooLarge'])
  })
})
