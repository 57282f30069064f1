import { describe, expect, it } from 'vitest'
import { toFault } from './kafkajs-faults.ts'

const coded = (code: string, message: string) =>
  new Error('kafkajs', { cause: Object.assign(new Error(message), { code }) })

describe('an error of kafkajs as a fault', () => {
  it.each([
    ['ECONNREFUSED', 'LogUnavailable'],
    ['ENOTFOUND', 'LogUnavailable'],
    ['EAI_AGAIN', 'LogUnavailable'],
    ['ERR_INVALID_ARG_TYPE', 'LogRefused'],
  ])('of code %s is %s', (code, fault) => expect(toFault(coded(code, 'it broke'), 'asking').code).toBe(fault))

  it('that there is no coordinator yet passes, though kafkajs calls it final', () => {
    const error = Object.assign(new Error('no coordinator'), {
      name: 'KafkaJSGroupCoordinatorNotFound',
      retriable: false,
    })
    expect(toFault(error, 'asking').code).toBe('LogUnavailable')
  })

  it.each(['it broke', 'it broke.'])('reads as one sentence: %s', (message) =>
    expect(toFault(coded('EPIPE', message), 'asking').message).toBe('asking: it broke.'),
  )
})
