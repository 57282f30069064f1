/**
 * Errors are facts with a code. One catalogue says for each code whether trying again can help;
 * planes translate codes into HTTP answers and condition reasons.
 */
export const faults = {
  /** The log cannot be reached, or no leader is known. */
  LogUnavailable: { retriable: true },
  /** The log did not answer before the caller's deadline: the record may or may not be stored. */
  LogTimeout: { retriable: true },
  /** More bytes are waiting for acknowledgement than the configured bound. */
  LogOverloaded: { retriable: true },
  TopicNotFound: { retriable: true },
  /** A single record exceeds what the topic accepts; `details.limit` has the bytes. */
  RecordTooLarge: { retriable: false },
  /** The group of an Outlet has live members of someone else. */
  GroupInUse: { retriable: true },
  /** The principal may not do this. */
  NotAuthorized: { retriable: true },
  /** Kafka does not know the user, or the password or client certificate is wrong. */
  AuthenticationFailed: { retriable: true },
  /** No TLS connection could be made: the server's certificate is not trusted, or it speaks no TLS, or ours is not taken. */
  TlsFailed: { retriable: true },
  /** What to sign in with is not there (yet). */
  CredentialNotFound: { retriable: true },
  /** The component was closed while the call was under way. */
  Closed: { retriable: false },
  /** A data folder is in use by another process. */
  DataLocked: { retriable: false },
  /** A data folder was written by a newer version. */
  DataFromNewerVersion: { retriable: false },
  /** Anything that the log refused and that has no better name. */
  LogRefused: { retriable: false },
  /** The Kubernetes API server cannot be reached, answers 5xx, or broke off. */
  ApiUnavailable: { retriable: true },
  /** 429: `details.retryAfterMs` when it said. */
  ApiThrottled: { retriable: true },
  /** 409: the object changed meanwhile, or another one has this name. */
  ApiConflict: { retriable: true },
  /** 404: no such object, or no such kind. */
  ApiNotFound: { retriable: true },
  /** 409 on create. */
  ApiAlreadyExists: { retriable: true },
  /** 401, 403: our account may not do this. Rights may come later. */
  ApiForbidden: { retriable: true },
  /** 400, 413, 422 and what else the server refuses for what it is: trying the same again does not help. */
  ApiRefused: { retriable: false },
  /** 410: the version asked for is too old; list again. */
  ApiGone: { retriable: true },
} as const satisfies Record<string, { retriable: boolean }>

export type FaultCode = keyof typeof faults

/** An error with a code of the catalogue, a sentence for people, and its cause. */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly code: FaultCode
  readonly details: Readonly<Record<string, string | number>>

  constructor(
    code: FaultCode,
    message: string,
    options: { cause?: unknown; details?: Readonly<Record<string, string | number>> } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
  }

  get retriable(): boolean {
    return faults[this.code].retriable
  }
}
