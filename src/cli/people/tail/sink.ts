import type { TailedEvent } from './show.ts'

/** What a tail hands its events to. */
export interface Sink {
  readonly stop: AbortSignal
  /** Events before this moment are not wanted, milliseconds since 1970. */
  readonly from: number
  /** @returns false: standard output is behind; `ready` resolves when it is not any more. */
  take(event: TailedEvent): boolean
  ready(): Promise<void>
  /** Something worth knowing that is no event. */
  note(text: string): void
}
