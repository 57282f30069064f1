import { writeStructured } from '../../wire/structured-out.ts'
import type { Entry } from '../reading/segment.ts'

/**
 * Events in structured mode. Outlets that ride the head get one event after the other in the same turn: so the one that was written last is
 * kept, and written once for all of them.
 */
export class JsonBodies {
  #entry: Entry | null = null
  #body: Buffer | null = null

  /** @param added attributes of its place in the log: the same for all. */
  body(entry: Entry, added: readonly string[]): Buffer | null {
    if (entry.event === null) return null
    if (this.#entry !== entry) {
      this.#body = writeStructured(entry.event, added)
      this.#entry = entry
    }
    return this.#body
  }
}
