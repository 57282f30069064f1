import { NetworkError, Reader } from './library.ts'

/**
 * Reads an answer, and only ever goes on in it: so no count that a broken or hostile broker names makes us read the same bytes again and
 * again. The library's own reader goes back where a length is negative.
 */
export class AnswerReader extends Reader {
  /** @throws NetworkError when it is negative: as a length that is no Kafka's. */
  override readUnsignedVarInt(): number {
    const value = super.readUnsignedVarInt()
    if (value < 0) throw broken()
    return value
  }

  override readNullableString(compact?: boolean, encoding?: BufferEncoding): string | null {
    return this.#onward(() => super.readNullableString(compact, encoding))
  }

  override readNullableBytes(compact?: boolean): Buffer | null {
    return this.#onward(() => super.readNullableBytes(compact))
  }

  override skip(length: number): this {
    if (length < 0 || length > this.remaining) throw broken()
    return super.skip(length)
  }

  #onward<T>(read: () => T): T {
    const { position } = this
    const value = read()
    if (this.position <= position) throw broken()
    return value
  }
}

function broken(): Error {
  return new NetworkError("the peer sends answers that are no Kafka broker's")
}
