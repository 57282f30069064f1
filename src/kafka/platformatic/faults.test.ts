import { MultipleErrors, NetworkError, ProtocolError, ResponseError, TimeoutError } from '@platformatic/kafka'
import { describe, expect, it } from 'vitest'
import { Fault } from '../../core/fault.ts'
import { isRequestTimeout, kafkaErrorCode, kafkaErrorName, toFault } from './faults.ts'

describe('an error of the client library becomes a fault', () => {
  it.each([
    ['UNKNOWN_TOPIC_OR_PARTITION', 'TopicNotFound'],
    ['NOT_LEADER_OR_FOLLOWER', 'LogUnavailable'],
    ['COORDINATOR_NOT_AVAILABLE', 'LogUnavailable'],
    ['NOT_COORDINATOR', 'LogUnavailable'],
    ['TOPIC_AUTHORIZATION_FAILED', 'NotAuthorized'],
    ['SASL_AUTHENTICATION_FAILED', 'AuthenticationFailed'],
    ['MESSAGE_TOO_LARGE', 'RecordTooLarge'],
    ['NON_EMPTY_GROUP', 'GroupInUse'],
    ['INVALID_CONFIG', 'LogRefused'],
  ])('%s is %s, however deep it is nested', (name, code) => {
    const inner = new ProtocolError(name)
    const nested = new MultipleErrors('many', [new NetworkError('x', { cause: new MultipleErrors('more', [inner]) })])
    for (const error of [inner, nested]) {
      expect(toFault(error, 'trying')).toMatchObject({ code, cause: error })
      expect(kafkaErrorCode(error)).toBe(name)
    }
  })

  it('finds the code inside a response', () => {
    expect(kafkaErrorCode(new ResponseError(0, 11, { '/': [25, null] }, {}))).toBe('UNKNOWN_MEMBER_ID')
  })

  it('is LogUnavailable with the innermost reason when nobody answered', () => {
    const error = new NetworkError('Connection to a:1 failed.', { cause: new Error('connect ECONNREFUSED') })
    expect(toFault(error, 'connecting')).toMatchObject({
      code: 'LogUnavailable',
      message: 'connecting: Connection to a:1 failed. (connect ECONNREFUSED)',
    })
    expect(kafkaErrorCode(error)).toBeNull()
  })

  it('tells a request without answer, which may have been done, from a connection that failed', () => {
    expect(isRequestTimeout(new TimeoutError('Request timed out'))).toBe(true)
    expect(isRequestTimeout(new TimeoutError('Connection to a:1 timed out.'))).toBe(false)
  })

  it('leaves a fault as it is and survives codes and values that it does not know', () => {
    const fault = new Fault('Closed', 'x')
    expect(toFault(fault, 'y')).toBe(fault)
    expect(kafkaErrorName(6)).toBe('NOT_LEADER_OR_FOLLOWER')
    expect(kafkaErrorName(9_999)).toBe('ERROR_9999')
    expect(toFault('odd', 'y').message).toBe('y: odd')
  })
})
