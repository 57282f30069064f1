import { Fault, type FaultCode } from '../core/fault.ts'

/** Answers of Kafka, by kafkajs' names for them, that mean more than "refused" or "try again". */
const meanings: Readonly<Record<string, FaultCode>> = {
  TOPIC_AUTHORIZATION_FAILED: 'NotAuthorized',
  GROUP_AUTHORIZATION_FAILED: 'NotAuthorized',
  CLUSTER_AUTHORIZATION_FAILED: 'NotAuthorized',
  SASL_AUTHENTICATION_FAILED: 'AuthenticationFailed',
  UNSUPPORTED_SASL_MECHANISM: 'AuthenticationFailed',
  ILLEGAL_SASL_STATE: 'AuthenticationFailed',
  KafkaJSSASLAuthenticationError: 'AuthenticationFailed',
  // kafkajs calls these final, but a cluster that just came up, or elects, gives them for a moment.
  KafkaJSGroupCoordinatorNotFound: 'LogUnavailable',
  KafkaJSBrokerNotFound: 'LogUnavailable',
  KafkaJSMetadataNotLoaded: 'LogUnavailable',
  KafkaJSNoBrokerAvailableError: 'LogUnavailable',
  KafkaJSTimeout: 'LogUnavailable',
  KafkaJSLockTimeout: 'LogUnavailable',
}

/** Any error of kafkajs as a Fault; a Fault stays itself. @param what the start of the sentence for people. */
export function toFault(error: unknown, what: string): Fault {
  if (error instanceof Fault) return error
  const all = [...walk(error)]
  const answer = all.find(({ type }) => typeof type === 'string')
  const meaning = all.map(({ type, name }) => meanings[type ?? ''] ?? meanings[name]).find((code) => code !== undefined)
  // The innermost says what happened; kafkajs wraps it in errors that all say "not retriable".
  const cause = answer ?? all.at(-1)
  const passing =
    cause?.retriable === true ||
    // kafkajs reads fields of what is gone when metadata changes, or a session ends, under a call: the next one has it whole
    cause instanceof TypeError ||
    all.some(({ code }) => typeof code === 'string' && SOCKET.test(code))
  return new Fault(
    meaning ?? (passing ? 'LogUnavailable' : 'LogRefused'),
    sentence(`${what}: ${cause?.message ?? String(error)}`),
    {
      cause: error,
    },
  )
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

/** Node's names for errors of sockets and name resolution; those that begin with ERR_ are defects of the caller. */
const SOCKET = /^E(?!RR_)[A-Z_]+$/

interface KafkaJSError extends Error {
  readonly type?: string
  readonly code?: string | number
  readonly retriable?: boolean
}

/** An error, the members of aggregates, and their causes. */
function* walk(error: unknown, depth = 0): Generator<KafkaJSError> {
  if (!(error instanceof Error) || depth > 8) return
  yield error
  const { errors, groups } = error as { errors?: unknown; groups?: unknown }
  if (Array.isArray(errors)) for (const inner of errors) yield* walk(inner, depth + 1)
  if (Array.isArray(groups)) for (const group of groups as { error?: unknown }[]) yield* walk(group.error, depth + 1)
  yield* walk(error.cause, depth + 1)
}

/** For `catch`: this answer of Kafka is no error, others are. */
export function unless(type: string): (error: unknown) => undefined {
  return (error) => {
    for (const inner of walk(error)) if (inner.type === type) return undefined
    throw error
  }
}

/** How Kafka said that an ACL is missing; undefined: it did not. */
export function authorizationError(error: unknown): string | undefined {
  return [...walk(error)].find(({ type }) => type?.endsWith('_AUTHORIZATION_FAILED') === true)?.type
}

/** Kafka's error code for the first group of a failed DeleteGroups. */
export function groupErrorCode(error: unknown): number | undefined {
  const groups = (error as { groups?: { errorCode?: number }[] } | null)?.groups
  return groups?.[0]?.errorCode
}
