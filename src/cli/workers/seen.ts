interface Leaving {
  readonly uid: string
  /** What was seen before it was deleted. */
  readonly before: string
}

/**
 * The version of the contract that is in force in this process. It passes the deletion of an Outlet only when that was reported as released:
 * the controller deletes the Outlet's group as soon as all dispatchers have seen the deletion, and a late commit would bring it back.
 *
 *     deleted at 17 ── seen stays at 16 ── released ──► seen is what the informer has seen
 */
export class Seen {
  readonly #leaving: Leaving[] = []
  readonly #informed: () => string

  /** @param informed what all listeners were told of; moves after they were told. */
  constructor(informed: () => string) {
    this.#informed = informed
  }

  /** To be called while the deletion is being told to listeners. */
  deleted(uid: string): void {
    this.#leaving.push({ uid, before: this.#informed() })
  }

  /** @returns whether that was waited for. */
  released(uid: string): boolean {
    const index = this.#leaving.findIndex((one) => one.uid === uid)
    if (index >= 0) this.#leaving.splice(index, 1)
    return index >= 0
  }

  get version(): string {
    return this.#leaving[0]?.before ?? this.#informed()
  }
}
