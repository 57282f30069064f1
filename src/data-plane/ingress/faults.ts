import type { Inlet } from '../../contract/inlet.ts'
import { sourceName } from '../../contract/source.ts'
import { Fault } from '../../core/fault.ts'
import { never } from '../../core/never.ts'
import { tooBusy, type Problem } from './problem.ts'

/** What the sender is told when the log did not take an event. null: not a fault of the catalogue, so a defect of ours. */
export function faultProblem(error: unknown, inlet: Inlet): Problem | null {
  if (!(error instanceof Fault)) return null
  const name = sourceName(inlet.source)
  switch (error.code) {
    case 'RecordTooLarge':
      return recordTooLarge(error, name)
    case 'LogOverloaded':
      return tooBusy('More events wait for the log than it takes. The event was not stored: send it again later.')
    case 'LogTimeout':
      return unavailable(`The log did not acknowledge the event in time. ${fate(error)}`, 1)
    case 'LogUnavailable':
      return unavailable(`The log cannot be reached now. ${fate(error)}`, 5)
    case 'TopicNotFound':
      return unavailable(
        `The topic ${inlet.topic} of ${name} does not exist (any more): its operator must restore it.`,
        10,
      )
    case 'NotAuthorized':
      return unavailable(
        `Millrace may not write to the topic ${inlet.topic} of ${name}: its operator must allow it.`,
        10,
      )
    case 'AuthenticationFailed':
    case 'TlsFailed':
    case 'CredentialNotFound':
      return unavailable(`Millrace cannot sign in to the log of ${name}: its operator must mend the credential.`, 10)
    case 'Closed':
      return unavailable('This instance is shutting down: send the event again.', 1)
    case 'LogRefused':
    case 'GroupInUse':
    case 'DataLocked':
    case 'DataFromNewerVersion':
    case 'ApiUnavailable': // this and what follows is of another port: no log says it
    case 'ApiThrottled':
    case 'ApiConflict':
    case 'ApiNotFound':
    case 'ApiAlreadyExists':
    case 'ApiForbidden':
    case 'ApiRefused':
    case 'ApiGone':
      return unavailable(`The log refused the event: ${error.message.replace(/\.$/, '')}.`, 10)
    default:
      return never(error.code)
  }
}

/** What became of an event without an answer. */
function fate(error: Fault): string {
  const unsent = error.details['sent'] === 0
  return unsent ? 'The event was not stored: send it again.' : 'It may be stored: sending it again may repeat it.'
}

function recordTooLarge(error: Fault, name: string): Problem {
  const limit = error.details['limit']
  const atMost = limit === undefined ? '' : ` (at most ${limit} bytes, attributes included)`
  return {
    status: 413,
    code: 'EventTooLarge',
    title: 'The event is too large',
    detail: `The event is larger than the topic of ${name} accepts${atMost}. Store the data elsewhere and send a reference to it.`,
    ...(limit === undefined ? {} : { more: { limit } }),
  }
}

function unavailable(detail: string, retryAfterSeconds: number): Problem {
  const headers = ['retry-after', String(retryAfterSeconds)]
  return { status: 503, code: 'Unavailable', title: 'The event cannot be taken now', detail, headers }
}
