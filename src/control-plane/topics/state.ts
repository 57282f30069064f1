/** Why a topic cannot be used. */
export interface TopicFault {
  readonly usable?: false
  readonly reason: 'TopicNotFound' | 'LogUnavailable' | 'NotAuthorized' | 'LogRefused'
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
