/**
 * @typedef {object} SeenEvent
 * @property {number} number as the viewer counts, from 1 at its start
 * @property {number} receivedAt milliseconds since 1970
 * @property {string} to the path that it was delivered to
 * @property {Record<string, string>} attributes
 * @property {string | null} data the beginning, as `form` says
 * @property {'text' | 'base64'} form
 * @property {number} bytes of the data as a whole
 * @property {string} run of the viewer: another one counts from 1 again
 * @property {number} sequence as this page counts
 */

/** What this page keeps: the newest events, bounded. */
export class Events {
  /** @type {SeenEvent[]} oldest first */
  #kept = []
  #sequence = 0
  #limit = 2_000

  get length() {
    return this.#kept.length
  }

  /** @param {number} limit */
  set limit(limit) {
    this.#limit = Math.max(100, Math.min(limit, 10_000))
  }

  /**
   * @param {number} index 0 is the newest
   * @returns {SeenEvent | undefined}
   */
  at(index) {
    return this.#kept[this.#kept.length - 1 - index]
  }

  /** @param {SeenEvent | null} event */
  indexOf(event) {
    if (event === null) return -1
    const index = (this.#kept.at(-1)?.sequence ?? 0) - event.sequence
    return this.at(index) === event ? index : -1
  }

  /** @param {SeenEvent[]} events oldest first */
  add(events) {
    for (const event of events) {
      event.sequence = this.#sequence
      this.#sequence += 1
      this.#kept.push(event)
    }
    if (this.#kept.length > this.#limit) this.#kept.splice(0, this.#kept.length - this.#limit)
  }

  clear() {
    this.#kept = []
  }
}
