import { longestTimerMs } from '../../../core/backoff.ts'

/** Who has only so much time. */
export interface Timed {
  timedOut(afterMs: number): void
}

/**
 * One timer for many, one after the other: to set it anew costs much less than to make one. It goes on when its user is through, and finds
 * nobody then.
 */
export class Deadline {
  #user: Timed | null = null
  #timer: NodeJS.Timeout | undefined
  #ms = 0

  set(user: Timed, ms: number): void {
    this.#user = user
    if (this.#timer !== undefined && this.#ms === ms) {
      this.#timer.refresh()
      return
    }
    clearTimeout(this.#timer)
    this.#ms = ms
    // what is timed keeps the process, so the timer need not
    this.#timer = setTimeout(() => this.#due(), Math.min(ms, longestTimerMs)).unref()
  }

  /** Its user is through. */
  unset(): void {
    this.#user = null
  }

  /** Its user is through, and there may be no other: nothing is left behind. */
  end(): void {
    this.#user = null
    clearTimeout(this.#timer)
    // one that was cleared does nothing when it is set anew
    this.#timer = undefined
  }

  /** Who had no time to read what came in time reads it first: this process may have stood still, and the answer lie in the socket. */
  #due(): void {
    const [user, ms] = [this.#user, this.#ms]
    setImmediate(() => {
      if (user !== null && this.#user === user) user.timedOut(ms)
    })
  }
}
