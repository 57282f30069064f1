import { Fault } from '../../core/fault.ts'
import type { FaultCode } from '../../core/fault.ts'
import { notAuthorized, type AclOperation } from '../signing-in/access.ts'
import {
  AuthenticationError,
  GenericError,
  ResponseError,
  TimeoutError,
  protocolErrors,
  protocolErrorsCodesById,
} from './library.ts'

/** Answers of Kafka that mean more to us than "refused" or "try again". Names as in the Kafka protocol guide, "Error codes". */
const meanings: Readonly<Record<string, FaultCode>> = {
  UNKNOWN_TOPIC_OR_PARTITION: 'TopicNotFound',
  UNKNOWN_TOPIC_ID: 'TopicNotFound',
  INVALID_TOPIC_EXCEPTION: 'TopicNotFound',
  MESSAGE_TOO_LARGE: 'RecordTooLarge',
  RECORD_LIST_TOO_LARGE: 'RecordTooLarge',
  NON_EMPTY_GROUP: 'GroupInUse',
  TOPIC_AUTHORIZATION_FAILED: 'NotAuthorized',
  GROUP_AUTHORIZATION_FAILED: 'NotAuthorized',
  CLUSTER_AUTHORIZATION_FAILED: 'NotAuthorized',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'NotAuthorized',
  SASL_AUTHENTICATION_FAILED: 'AuthenticationFailed',
  UNSUPPORTED_SASL_MECHANISM: 'AuthenticationFailed',
  ILLEGAL_SASL_STATE: 'AuthenticationFailed',
  // The client library calls these two final; the next broker or the next moment answers them.
  BROKER_NOT_AVAILABLE: 'LogUnavailable',
  UNKNOWN_SERVER_ERROR: 'LogUnavailable',
}

/** Nobody lets us in, for a reason that a mended credential ends. */
export function isSignInFault({ code }: Fault): boolean {
  return code === 'AuthenticationFailed' || code === 'TlsFailed' || code === 'CredentialNotFound'
}

/** The name of a numeric Kafka error code, e.g. 6 → `NOT_LEADER_OR_FOLLOWER`; `ERROR_<code>` for one newer than the client library. */
export function kafkaErrorName(code: number): string {
  return (protocolErrorsCodesById as Record<number, string | undefined>)[code] ?? `ERROR_${code}`
}

/** The first Kafka error name inside an error, through aggregates and causes; null when Kafka did not answer with one. */
export function kafkaErrorCode(error: unknown): string | null {
  for (const inner of walk(error)) {
    if (inner instanceof GenericError && typeof inner['apiId'] === 'string') return inner['apiId']
  }
  return null
}

/** The client library throws for a whole response when one part of it has an error; the parts are what we want. */
export async function errorsInside<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (error instanceof ResponseError && error['response'] !== undefined) return error['response'] as T
    throw error
  }
}

/** True when a request was sent and not answered in time: it may have been done. */
export function isRequestTimeout(error: unknown): boolean {
  for (const inner of walk(error))
    if (inner instanceof TimeoutError && inner.message === 'Request timed out') return true
  return false
}

/**
 * What a Kafka error name means to us: a code of the catalogue.
 * Unknown names are LogRefused: we never retry what we do not know.
 */
export function faultCodeOf(name: string): FaultCode {
  const meaning = meanings[name]
  if (meaning !== undefined) return meaning
  const known = (protocolErrors as Record<string, { canRetry: boolean } | undefined>)[name]
  return known?.canRetry === true ? 'LogUnavailable' : 'LogRefused'
}

/**
 * An error that Kafka gave for one topic or group, as a fault.
 * @param needs the ACL operation that lacks when it is about that.
 */
export function refusalOf(
  error: string,
  resource: 'topic' | 'group',
  name: string,
  needs: AclOperation,
  context = `${resource} ${name}`,
): Fault {
  const code = faultCodeOf(error)
  if (code === 'NotAuthorized') {
    return notAuthorized(needs, resource, name, error)
  }
  return new Fault(code, `${context}: Kafka answered ${error}`)
}

/**
 * Any error of the client library or of the socket as a Fault; a Fault stays itself. Without an answer of Kafka it is LogUnavailable
 * (whether the request was done is then unknown, see {@link isRequestTimeout}).
 * @param context what was tried, the start of the sentence for people.
 */
export function toFault(error: unknown, context: string): Fault {
  if (error instanceof Fault) return error
  const name = kafkaErrorCode(error)
  if (name !== null) return new Fault(faultCodeOf(name), `${context}: Kafka answered ${name}`, { cause: error })
  for (const inner of walk(error)) {
    if (inner instanceof AuthenticationError) {
      return new Fault('AuthenticationFailed', `${context}: ${inner.message}`, { cause: error })
    }
  }
  return new Fault('LogUnavailable', `${context}: ${reason(error)}`, { cause: error })
}

/** The outermost message and, when a cause says more, the innermost one. */
function reason(error: unknown): string {
  const messages = [...walk(error)].map((inner) => (inner instanceof Error ? inner.message : String(inner)))
  const first = messages[0] ?? 'unknown error'
  const last = messages.at(-1) ?? first
  return last === '' || first.includes(last) ? first : `${first} (${last})`
}

/** An error, the members of aggregates, and their causes. */
export function* walk(error: unknown, depth = 0): Generator {
  if (error === undefined || error === null || depth > 8) return
  yield error
  if (error instanceof AggregateError) for (const inner of error.errors) yield* walk(inner, depth + 1)
  if (error instanceof Error) yield* walk(error.cause, depth + 1)
}
