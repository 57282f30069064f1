import { expect, test } from 'vitest'
import { answer } from '../dispatcher-rig.ts'
import { ce, type OutgoingScene } from './scene.ts'

const taken = [answer(200)]

/** What becomes of events that their subscriber did not take. */
export function deadLetterRules(scene: () => OutgoingScene): void {
  test('a dead letter is the event with where, why and what was answered', async () => {
    const body = Buffer.alloc(3000, 'é')
    const { dead, url, trigger, snapshot } = await scene().play({
      event: { headers: { 'content-type': 'text/plain' }, body: 'mine' },
      answers: [answer(422, { 'kne-hint': 'too blue', 'kne-line': '7' }, body)],
      deadLetter: taken,
    })
    expect(dead[0]?.headers).toMatchObject({
      ...{ 'ce-source': '/sender', 'content-type': 'text/plain', 'ce-hint': 'too%20blue', 'ce-line': '7' },
      ...{ 'ce-knativeerrordest': url, 'ce-knativeerrorcode': '422' },
      'ce-knativeerrordata': body.subarray(0, 1024).toString('base64'),
      'ce-knativeerrorreason': 'it%20answered%20422',
      'ce-knativeerrortrigger': trigger,
    })
    expect(String(dead[0]?.body)).toBe('mine')
    expect(snapshot).toMatchObject({ delivered: 1, parked: 0 })
  })

  test('an answer without a body gives a dead letter without knativeerrordata', async () => {
    const { dead } = await scene().play({ answers: [answer(400)], deadLetter: taken })
    expect(dead[0]?.headers).not.toHaveProperty('ce-knativeerrordata')
  })

  test('without an answer there is neither code nor data', async () => {
    const { dead } = await scene().play({ answers: [(_, response) => response.destroy()], deadLetter: taken })
    expect(dead[0]?.headers).toHaveProperty('ce-knativeerrordest')
    expect(dead[0]?.headers).not.toHaveProperty('ce-knativeerrorcode')
    expect(dead[0]?.headers).not.toHaveProperty('ce-knativeerrordata')
  })

  test('what an event tells of an earlier failure is gone when it fails anew', async () => {
    const earlier = {
      'ce-knativeerrorcode': '422',
      'ce-knativeerrordata': 'eA==',
      'ce-knativeerrortrigger': 'shop/old',
    }
    const { tries, dead, parked, trigger } = await scene().play({
      event: { headers: earlier },
      answers: [(_, response) => response.destroy()],
      deadLetter: [answer(400)],
    })
    // its subscriber may want to know
    expect(tries[0]?.headers).toMatchObject(earlier)
    expect(dead[0]?.headers['ce-knativeerrortrigger']).toBe(trigger)
    expect(parked[0]?.headers['ce_knativeerrortrigger']).toBe(trigger)
    for (const headers of [dead[0]?.headers ?? {}, parked[0]?.headers ?? {}]) {
      expect(Object.keys(headers).filter((name) => /knativeerror(code|data)/.test(name))).toEqual([])
    }
  })

  test('headers kne-* replace no attribute of the event or of ours, and none with control characters is taken', async () => {
    const { dead, url } = await scene().play({
      answers: [
        answer(400, {
          'kne-type': 'evil',
          'kne-partitionkey': 'evil',
          'kne-knativeerrordest': 'evil',
          'kne-tab': 'a\tb',
        }),
      ],
      deadLetter: taken,
    })
    const headers = dead[0]?.headers ?? {}
    expect([headers['ce-type'], headers['ce-knativeerrordest']]).toEqual([dead[0]?.id, url])
    expect(headers).not.toHaveProperty('ce-partitionkey')
    expect(headers).not.toHaveProperty('ce-tab')
  })

  test('a dead letter sink has retries of its own', async () => {
    const { tries, dead, snapshot } = await scene().play({
      delivery: { retry: 2 },
      answers: [answer(500)],
      deadLetter: [answer(503), answer(404), answer(200)],
    })
    expect([tries.length, dead.length]).toEqual([3, 3])
    expect(snapshot).toMatchObject({ delivered: 1, parked: 0 })
  })

  test('an event whose dead letter sink fails too is parked, and tells of its subscriber', async () => {
    const { dead, parked, url } = await scene().play({
      answers: [answer(400, {}, 'first')],
      deadLetter: [answer(500, {}, 'second')],
    })
    expect(dead.length).toBe(2)
    expect(parked[0]?.headers).toMatchObject({
      ...{ ce_knativeerrordest: url, ce_knativeerrorcode: '400' },
      ce_knativeerrordata: Buffer.from('first').toString('base64'),
    })
  })

  test('an event that a dead letter sink answers with is a reply', async () => {
    const { replies, snapshot } = await scene().play({
      answers: [answer(400)],
      deadLetter: [answer(200, ce, 'from the sink')],
      replies: {},
    })
    expect(replies.map(({ headers, value }) => [headers['ce_id'], String(value)])).toEqual([['r1', 'from the sink']])
    expect(snapshot).toMatchObject({ delivered: 1, parked: 0 })
  })

  test('a parked event is the event with why, what was answered, and where it stood', async () => {
    const { parked, url, trigger } = await scene().play({
      event: { headers: { 'content-type': 'text/plain', 'ce-partitionkey': 'k' }, body: 'mine' },
      answers: [answer(403, { 'kne-hint': 'no' }, 'go away')],
    })
    const [{ headers, key, value } = { headers: {}, key: null, value: null }] = parked
    expect(headers).toMatchObject({
      ...{ ce_source: '/sender', 'content-type': 'text/plain', ce_partitionkey: 'k', ce_hint: 'no' },
      ...{ ce_knativeerrordest: url, ce_knativeerrorcode: '403', ce_knativeerrorreason: 'it answered 403' },
      ce_knativeerrordata: Buffer.from('go away').toString('base64'),
      ...{ ce_knativekafkatopic: scene().mill.rig.topic, ce_knativekafkapartition: '0' },
      ce_knativeerrortrigger: trigger,
      ce_knativekafkaoffset: expect.stringMatching(/^\d+$/) as string,
    })
    expect([key, String(value)]).toEqual(['k', 'mine'])
  })

  test('with onExhausted park an event that nobody took is parked', async () => {
    const { snapshot, parked } = await scene().play({ answers: [answer(400)], outlet: { onExhausted: 'park' } })
    expect(snapshot).toMatchObject({ parked: 1, dropped: 0 })
    expect(parked.length).toBe(1)
  })

  test('with onExhausted drop an event that nobody took is gone, counted and told; no topic is made', async () => {
    const { tries, dead, snapshot, parkingTopic, fault } = await scene().play({
      answers: [answer(500)],
      deadLetter: [answer(500)],
      outlet: { onExhausted: 'drop' },
    })
    expect([tries.length, dead.length]).toEqual([2, 2])
    expect(snapshot).toMatchObject({ delivered: 0, parked: 0, dropped: 1 })
    expect(await scene().mill.rig.admin.describeTopics([parkingTopic])).toEqual([])
    expect(fault?.reason).toBe('DeliveryFailed')
    expect(fault?.message).toMatch(/^An event .* dropped/)
  })

  test.each([
    ['park', { parked: 1, dropped: 0 }],
    ['drop', { parked: 0, dropped: 1 }],
  ] as const)(
    'a record that is no event goes the same way with onExhausted %s, without a request',
    async (onExhausted, end) => {
      const record = { value: Buffer.from('junk'), headers: [['x', Buffer.from('1')] as const] }
      const { tries, dead, snapshot, parked, trigger } = await scene().play({
        record,
        deadLetter: taken,
        outlet: { onExhausted },
      })
      expect([tries.length, dead.length]).toEqual([0, 0])
      expect(snapshot).toMatchObject(end)
      if (onExhausted === 'park') {
        expect(String(parked[0]?.value)).toBe('junk')
        expect(parked[0]?.headers).toMatchObject({ x: '1', ce_knativekafkatopic: scene().mill.rig.topic })
        expect(parked[0]?.headers['ce_knativeerrorreason']).toContain('no CloudEvent')
        expect(parked[0]?.headers['ce_knativeerrortrigger']).toBe(trigger)
      }
    },
  )
}
