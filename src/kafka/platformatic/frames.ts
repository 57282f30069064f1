import { AnswerReader } from './answer-reader.ts'
import { NetworkError, Writer } from './library.ts'

/** A frame begins with its size, 4 bytes, and the id of the request that it answers, as many. */
const INT32 = 4
/**
 * More than any broker answers: what we ask for is a few MiB, and one record beyond that is bounded by what a broker takes in one request
 * (`socket.request.max.bytes`, 100 MiB). Whoever says more is no Kafka, and would have us collect it.
 */
const MAX_BYTES = 256 * 1024 * 1024
/** Before anything is agreed, and anybody signed in, answers are short. */
const MAX_BYTES_AT_FIRST = 1024 * 1024

/** What the other end says is TLS, and we speak none. */
export class WantsTls extends NetworkError {
  constructor() {
    super('the broker wants TLS')
  }
}

/**
 * Cuts what a broker sends into frames, without a copy.
 *
 *     chunks ─► size ─► id: expected? ─► all there? ─► frame
 *                │       └─ no ─┐
 *                └─ absurd ─────┴─► NetworkError, before anything is collected
 */
export class Frames {
  readonly #expected: (id: number) => boolean
  readonly #chunks: Buffer[] = []
  #held = 0
  #maxBytes = MAX_BYTES_AT_FIRST
  /** Of the frame that is coming in; null: not known yet. */
  #size: number | null = null
  #id: number | null = null

  /** @param expected whether a frame with this id may come. */
  constructor(expected: (id: number) => boolean) {
    this.#expected = expected
  }

  /** What comes may be long from now on. */
  agreed(): void {
    this.#maxBytes = MAX_BYTES
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#held += chunk.length
  }

  /**
   * The next frame, `body` being what follows the id; null: it is not all there yet.
   * @throws NetworkError when the other end is not to be trusted.
   */
  next(): { readonly id: number; readonly body: AnswerReader } | null {
    if (this.#size === null && this.#held >= INT32) this.#size = sizeIn(this.#take(INT32), this.#maxBytes)
    if (this.#size === null) return null
    if (this.#id === null && this.#held >= INT32) this.#id = this.#idIn(this.#take(INT32))
    if (this.#id === null || this.#held < this.#size - INT32) return null
    const frame = { id: this.#id, body: new AnswerReader(this.#take(this.#size - INT32).dynamicBuffer) }
    this.#size = this.#id = null
    return frame
  }

  #idIn(bytes: ReturnType<typeof Writer.create>): number {
    const id = bytes.buffer.readInt32BE()
    if (!this.#expected(id)) throw new NetworkError('the peer answers what nobody asked')
    return id
  }

  #take(size: number): ReturnType<typeof Writer.create> {
    const taken = Writer.create()
    this.#held -= size
    for (let left = size; left > 0;) {
      const chunk = this.#chunks[0] as Buffer
      if (chunk.length <= left) this.#chunks.shift()
      else this.#chunks[0] = chunk.subarray(left)
      taken.append(chunk.length <= left ? chunk : chunk.subarray(0, left))
      left -= chunk.length
    }
    return taken
  }
}

function sizeIn(taken: ReturnType<typeof Writer.create>, most: number): number {
  const bytes = taken.buffer
  const size = bytes.readInt32BE()
  if (size >= INT32 && size <= most) return size
  throw isTls(bytes) ? new WantsTls() : new NetworkError('the peer is no Kafka broker')
}

/** The first bytes of a TLS record: alert, handshake, ... and the version. As a size they would be 320 MiB and more. */
function isTls([type = 0, major, minor = 255]: Buffer): boolean {
  return type >= 0x14 && type <= 0x17 && major === 3 && minor <= 4
}
