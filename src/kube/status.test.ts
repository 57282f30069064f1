import { describe, expect, it } from 'vitest'
import { fails, holds, waits } from '../api/meta/condition.ts'
import type { StoredObject } from './client.ts'
import { noticeOf, statusOf, type StoredCondition } from './status.ts'

const now = Date.parse('2026-11-21T10:00:00.789Z')
const object = (status?: unknown, generation?: number): StoredObject => ({
  apiVersion: 'eventing.knative.dev/v1',
  kind: 'Broker',
  metadata: { name: 'default', uid: 'u', resourceVersion: '7', ...(generation === undefined ? {} : { generation }) },
  ...(status === undefined ? {} : { status }),
})
const condition = (type: string, status: string, reason?: string, time = '2026-11-01T00:00:00Z'): StoredCondition => ({
  type,
  status,
  ...(reason === undefined ? {} : { reason }),
  lastTransitionTime: time,
})

describe('the status to write', () => {
  it('has the generation, and the conditions by type with the time of now in whole seconds; what is empty is left out', () => {
    const desired = {
      address: { url: 'http://x' },
      conditions: [fails('TopicReady', 'TopicNotFound', 'no topic'), holds('Ready')],
    }
    expect(statusOf(desired, object(undefined, 3), now)).toEqual({
      observedGeneration: 3,
      address: { url: 'http://x' },
      conditions: [
        { type: 'Ready', status: 'True', lastTransitionTime: '2026-11-21T10:00:00Z' },
        {
          type: 'TopicReady',
          status: 'False',
          reason: 'TopicNotFound',
          message: 'no topic',
          lastTransitionTime: '2026-11-21T10:00:00Z',
        },
      ],
    })
    expect(statusOf(desired, object(), now)).not.toHaveProperty('observedGeneration')
  })

  it('keeps the time of a condition whose status did not change, whatever else of it did', () => {
    const before = object({ conditions: [condition('Ready', 'False', 'Old'), condition('TopicReady', 'False')] })
    const { conditions } = statusOf(
      { conditions: [fails('Ready', 'New', 'new words'), holds('TopicReady')] },
      before,
      now,
    )
    expect(conditions.map(({ lastTransitionTime }) => lastTransitionTime)).toEqual([
      '2026-11-01T00:00:00Z',
      '2026-11-21T10:00:00Z',
    ])
  })

  it.each([[{ conditions: 'none' }], ['nothing'], [{ conditions: [null, 3, { type: 'Ready' }] }]])(
    'takes a status that is none for an empty one: %j',
    (status) => {
      const { conditions } = statusOf({ conditions: [waits('Ready', 'Pending', '')] }, object(status), now)
      expect(conditions).toEqual([
        { type: 'Ready', status: 'Unknown', reason: 'Pending', lastTransitionTime: '2026-11-21T10:00:00Z' },
      ])
    },
  )
})

describe('what users are told of Ready', () => {
  const [yes, no, maybe] = [
    condition('Ready', 'True'),
    condition('Ready', 'False', 'TopicGone'),
    condition('Ready', 'Unknown', 'Pending'),
  ]
  it.each([
    ['first Unknown', undefined, maybe, null],
    ['first True', undefined, yes, 'Normal Ready'],
    ['first False', undefined, no, 'Warning TopicGone'],
    ['up', maybe, yes, 'Normal Ready'],
    ['a step on the way up', maybe, condition('Ready', 'Unknown', 'Starting'), 'Normal Starting'],
    ['down', yes, no, 'Warning TopicGone'],
    ['in doubt', yes, maybe, 'Warning Pending'],
    ['mending', no, maybe, 'Normal Pending'],
    ['another reason', no, condition('Ready', 'False', 'LogUnavailable'), 'Warning LogUnavailable'],
    ['nothing new', no, condition('Ready', 'False', 'TopicGone', '2026-11-21T10:00:00Z'), null],
    ['still true', yes, yes, null],
    ['no Ready at all', undefined, undefined, null],
  ])('%s', (_, before, after, told) => {
    const notice = noticeOf('Broker', before, after)
    expect(notice === null ? null : `${notice.type} ${notice.reason}`).toBe(told)
    expect(notice?.message).not.toBe('')
  })
})
