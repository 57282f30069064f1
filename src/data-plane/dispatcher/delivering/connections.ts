import type { Dispatcher as Undici } from 'undici'

export type Request = Undici.DispatchOptions

/** Connections to one origin, as a lane uses them. An undici Pool is one. */
export interface Connections {
  /** Sends a request; `handler` hears of its answer, never before this returns. */
  dispatch(request: Request, handler: Undici.DispatchHandler): unknown
  /** Requests under way end first. */
  close(): Promise<void>
  /** Requests under way are cut. */
  destroy(): Promise<void>
  /** `size`: requests that are under way or wait. */
  readonly stats: { readonly size: number }
}
