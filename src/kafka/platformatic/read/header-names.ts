/**
 * Header names as strings, decoded once: a topic has few distinct ones, and each comes with every record. A bounded table; a name that
 * meets another one's place takes it, so hostile names cost time and no memory.
 */
export class HeaderNames {
  readonly #slots: ({ readonly bytes: Buffer; readonly name: string } | undefined)[] = Array.from({ length: SLOTS })

  /** The name in `buffer` from `start` to before `end`, as UTF-8. */
  get(buffer: Buffer, start: number, end: number): string {
    const length = end - start
    if (length === 0 || length > LONGEST) return buffer.toString('utf8', start, end)
    const slot = slotOf(buffer, start, length)
    const known = this.#slots[slot]
    if (known !== undefined && same(known.bytes, buffer, start, length)) return known.name
    const name = buffer.toString('utf8', start, end)
    this.#slots[slot] = { bytes: Buffer.from(buffer.subarray(start, end)), name }
    return name
  }
}

const SLOTS = 256
const LONGEST = 64

/** Names differ most near their end (`ce_type`, `ce_time`), so a few bytes from there tell them apart. */
function slotOf(buffer: Buffer, start: number, length: number): number {
  const end = start + length
  const last = buffer[end - 1]! * 3 + buffer[end - Math.min(2, length)]! * 17
  return (length * 31 + buffer[start + (length >> 1)]! * 7 + buffer[start]! + last) & (SLOTS - 1)
}

function same(bytes: Buffer, buffer: Buffer, start: number, length: number): boolean {
  if (bytes.length !== length) return false
  for (let i = 0; i < length; i++) if (bytes[i] !== buffer[start + i]) return false
  return true
}
