import { Fault, type FaultCode } from '../core/fault.ts'

/** What an API server says when it refuses: `kind: Status` (meta/v1). */
interface Status {
  readonly message?: string
  readonly reason?: string
  readonly details?: { readonly name?: string; readonly causes?: readonly { readonly reason?: string }[] }
}

interface Refusal {
  /** HTTP status, or `code` of a Status in a watch. */
  readonly code: number
  /** The parsed body, or its text where it is no JSON. */
  readonly body: unknown
  /** What was asked: `create triggers.eventing.knative.dev shop/orders`. */
  readonly what: string
  readonly retryAfterMs?: number | undefined
}

/**
 * The fault for an answer that is not 2xx: what was asked, and the server's own words. `details`: `status`, and where the server said them
 * `reason`, `cause` (`NamespaceTerminating`), `object` (the name that a 404 or 409 is about), `retryAfterMs`.
 */
export function refusalFault({ code, body, what, retryAfterMs }: Refusal): Fault {
  const status: Status = isStatus(body) ? body : {}
  const said = status.message ?? (typeof body === 'string' ? body.trim().slice(0, 300) : '')
  const cause = status.details?.causes?.find(({ reason }) => reason === 'NamespaceTerminating')?.reason
  const details = {
    status: code,
    ...(status.reason ? { reason: status.reason } : {}),
    ...(cause ? { cause } : {}),
    ...(status.details?.name ? { object: status.details.name } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
  return new Fault(codeOf(code, status.reason), `${what}: ${said || `HTTP status ${code}`}`, { details })
}

/** Whether an ApiNotFound is about the object `name`, not about its kind, which may not be installed. */
export function isMissing(error: unknown, name: string): boolean {
  return error instanceof Fault && error.code === 'ApiNotFound' && error.details['object'] === name
}

/** `Retry-After` in milliseconds. */
export function retryAfterMs(header: string | undefined): number | undefined {
  const seconds = Number(header)
  return header === undefined || Number.isNaN(seconds) ? undefined : seconds * 1000
}

function isStatus(body: unknown): body is Status {
  return typeof body === 'object' && body !== null && 'kind' in body && body.kind === 'Status'
}

function codeOf(code: number, reason: string | undefined): FaultCode {
  switch (code) {
    case 401:
    case 403:
      return 'ApiForbidden'
    case 404:
      return 'ApiNotFound'
    case 408:
      return 'ApiUnavailable'
    case 409:
      return reason === 'AlreadyExists' ? 'ApiAlreadyExists' : 'ApiConflict'
    case 410:
      return 'ApiGone'
    case 429:
      return 'ApiThrottled'
    default:
      return code >= 500 ? 'ApiUnavailable' : 'ApiRefused'
  }
}
