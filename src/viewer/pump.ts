import type { Writable } from 'node:stream'
import type { Place, Portion } from './place.ts'
import type { EventRing } from './ring.ts'

/** Bytes written at once; about as much waits here for one who reads slowly. */
const portionBytes = 65_536
/** Events of this long go out together, milliseconds: at a thousand a second, one write for each would be most of the work. */
const gatherMs = 20
/** Who has taken nothing for so long is let go, milliseconds. */
const stuckMs = 60_000

/** How a stream writes what it is told. */
export interface Encoding {
  portion(portion: Portion, last: number): Buffer
  /** About once a second. Null: nothing to say. */
  tick(last: number): Buffer | null
}

/**
 * Sends what comes to one listener, as fast as that one reads and no faster:
 *
 *     event ─► gather a moment ─► place.take ─► encode ─► write ── taken ──► again, until there is nothing more
 *                                                             └─ not taken ─► wait for drain; the ring goes on meanwhile
 */
export class Pump {
  readonly #out: Writable
  readonly #place: Place
  readonly #encoding: Encoding
  readonly #silent: () => void
  #timer: NodeJS.Timeout | undefined
  #draining = false
  #stuck: NodeJS.Timeout | undefined

  /** Works until `out` is closed. */
  constructor(out: Writable, place: Place, ring: EventRing, encoding: Encoding) {
    this.#out = out
    this.#place = place
    this.#encoding = encoding
    this.#silent = ring.listen(() => this.#soon())
    out.once('close', () => this.#close())
    out.on('drain', () => this.#drained())
    this.#run()
  }

  tick(): void {
    if (this.#draining) return
    // What came before is told before.
    this.#run()
    if (this.#draining) return
    const said = this.#encoding.tick(this.#place.last)
    if (said !== null) this.#write(said)
  }

  #soon(): void {
    if (this.#draining) return
    this.#timer ??= setTimeout(() => this.#run(), gatherMs)
  }

  #run(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    while (!this.#draining && this.#out.writable) {
      const portion = this.#place.take(portionBytes)
      if (portion.events.length === 0 && portion.missed === 0) return
      this.#write(this.#encoding.portion(portion, this.#place.last))
    }
  }

  #write(bytes: Buffer): void {
    if (!this.#out.writable || this.#out.write(bytes)) return
    this.#draining = true
    this.#stuck = setTimeout(() => this.#out.destroy(), stuckMs)
  }

  #drained(): void {
    clearTimeout(this.#stuck)
    this.#draining = false
    this.#run()
  }

  #close(): void {
    this.#silent()
    clearTimeout(this.#timer)
    clearTimeout(this.#stuck)
  }
}
