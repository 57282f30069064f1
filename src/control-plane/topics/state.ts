import type { Fault } from '../../core/fault.ts'

/** Why a topic cannot be used. */
export interface TopicFault {
  readonly usable?: false
  readonly reason:
    | 'TopicNotFound'
    | 'LogUnavailable'
    | 'NotAuthorized'
    | 'AuthenticationFailed'
    | 'TlsFailed'
    | 'CredentialNotFound'
    | 'LogRefused'
  readonly message: string
}

/** A topic that is used, and something that the user should know of it. */
export interface TopicNote {
  readonly usable: true
  readonly reason: 'TopicDiffers' | 'TopicRecreated' | 'TopicKept'
  readonly message: string
}

/** How a topic is. */
export type TopicState = 'ready' | TopicNote | TopicFault

/** Whether a topic can be written and read. */
export function isUsable(state: TopicState | undefined): boolean {
  return state === 'ready' || state?.usable === true
}

/** Faults that somebody must mend: they are told as what they are. */
const told = ['NotAuthorized', 'AuthenticationFailed', 'TlsFailed', 'CredentialNotFound'] as const

/** All else is a Kafka that is away. */
export function reasonFor({ code }: Fault): (typeof told)[number] | 'LogUnavailable' {
  return told.find((each) => each === code) ?? 'LogUnavailable'
}

/** Whether Kafka is there, and does not take what we sign in with. */
export function isRefusal(reason: string | undefined): boolean {
  return reason === 'AuthenticationFailed' || reason === 'TlsFailed'
}
