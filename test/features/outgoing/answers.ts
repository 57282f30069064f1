import { expect, test } from 'vitest'
import { answer } from '../dispatcher-rig.ts'
import type { OutgoingScene } from './scene.ts'

const retry = 2

/** What becomes of each answer. */
export function answerRules(scene: () => OutgoingScene): void {
  test.each([200, 201, 202, 203, 204, 206, 299])(
    'an answer %i is a success: one request, nothing parked',
    async (status) => {
      const { tries, snapshot, fault } = await scene().play({ answers: [answer(status)], delivery: { retry } })
      expect(tries.length).toBe(1)
      expect(snapshot).toMatchObject({ delivered: 1, parked: 0 })
      expect(fault).toBeNull()
    },
  )

  test.each([404, 408, 409, 429, 500, 501, 502, 503, 504, 599, 999])(
    'an answer %i is retried, then the event is parked with that code',
    async (status) => {
      const { tries, parked, fault } = await scene().play({ answers: [answer(status)], delivery: { retry } })
      expect(tries.length).toBe(1 + retry)
      expect(parked.map(({ headers }) => headers['ce_knativeerrorcode'])).toEqual([String(status)])
      expect(fault?.reason).toBe('DeliveryFailed')
    },
  )

  test.each([300, 304, 305, 400, 401, 403, 405, 406, 410, 412, 413, 415, 418, 422, 425, 431, 451, 499])(
    'an answer %i is not retried, the event is parked with that code',
    async (status) => {
      const { tries, parked } = await scene().play({ answers: [answer(status)], delivery: { retry } })
      expect(tries.length).toBe(1)
      expect(parked.map(({ headers }) => headers['ce_knativeerrorcode'])).toEqual([String(status)])
    },
  )

  test.each([301, 302, 303, 307, 308])('a redirect %i is neither followed nor retried', async (status) => {
    const { tries, strays, parked } = await scene().play({
      answers: [(got, response) => answer(status, { location: `${got.path}/elsewhere` })(got, response)],
      delivery: { retry },
    })
    expect([tries.length, strays.length]).toEqual([1, 0])
    expect(parked[0]?.headers['ce_knativeerrorcode']).toBe(String(status))
  })

  test('no answer within the timeout is retried, and says no code', async () => {
    const { tries, parked } = await scene().play({ answers: [() => {}], delivery: { retry, timeoutMs: 100 } })
    expect(tries.length).toBe(1 + retry)
    expect(parked[0]?.headers).not.toHaveProperty('ce_knativeerrorcode')
    expect(parked[0]?.headers['ce_knativeerrorreason']).toBe('no complete answer within 100 ms')
  })

  test('a connection that is cut is retried', async () => {
    const { tries, snapshot } = await scene().play({
      answers: [(_, response) => response.destroy(), answer(200)],
      delivery: { retry },
    })
    expect(tries.length).toBe(2)
    expect(snapshot).toMatchObject({ delivered: 1, parked: 0 })
  })

  test('a subscriber that nobody serves is retried, and says no code', async () => {
    const { parked, snapshot } = await scene().play({
      outlet: { subscriber: { url: 'http://127.0.0.1:9/nobody' } },
      delivery: { retry },
    })
    expect(snapshot.parked).toBe(1)
    expect(parked[0]?.headers['ce_knativeerrordest']).toBe('http://127.0.0.1:9/nobody')
    expect(parked[0]?.headers).not.toHaveProperty('ce_knativeerrorcode')
  })

  test('without retries there is one request', async () => {
    const { tries, snapshot } = await scene().play({ answers: [answer(503)], delivery: { retry: 0 } })
    expect(tries.length).toBe(1)
    expect(snapshot.parked).toBe(1)
  })

  test('interim answers (1xx) are passed over', async () => {
    const { tries, snapshot } = await scene().play({
      answers: [
        (got, response) => {
          response.writeProcessing()
          response.writeEarlyHints({ link: '</style.css>; rel=preload' })
          answer(200)(got, response)
        },
      ],
    })
    expect(tries.length).toBe(1)
    expect(snapshot).toMatchObject({ delivered: 1, parked: 0 })
  })
}
