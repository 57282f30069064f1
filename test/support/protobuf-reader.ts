/** A field of a protobuf message: its number, and what stands there. */
interface Field {
  readonly number: number
  /** Varint and fixed: the number; length-delimited: the bytes. */
  readonly value: bigint | Buffer
}

/**
 * Reads the fields of a protobuf message, in their order.
 * @throws RangeError when it is none.
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export function* fieldsOf(message: Buffer): Iterable<Field> {
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = message.readUInt8(at++)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  const bytes = (length: number): Buffer => {
    if (at + length > message.length) throw new RangeError('the message ends within a field')
    return message.subarray(at, (at += length))
  }
  while (at < message.length) {
    const tag = Number(varint())
    const number = tag >> 3
    const type = tag & 7
    if (type === 0) yield { number, value: varint() }
    else if (type === 1) yield { number, value: bytes(8).readBigUInt64LE() }
    else if (type === 2) yield { number, value: bytes(Number(varint())) }
    else if (type === 5) yield { number, value: BigInt(bytes(4).readUInt32LE()) }
    else throw new RangeError(`there is no wire type ${type}`)
  }
}

/** The last field of this number, as protobuf wants it; absent: not there. */
export function fieldOf(message: Buffer, number: number): bigint | Buffer | undefined {
  return [...fieldsOf(message)].findLast((field) => field.number === number)?.value
}

/** All fields of this number that hold bytes. */
export function messagesOf(message: Buffer, number: number): Buffer[] {
  return [...fieldsOf(message)].flatMap((field) =>
    field.number === number && typeof field.value !== 'bigint' ? [field.value] : [],
  )
}
