/**
 * Names and values of headers as strings, decoded once: a topic has few distinct ones, and most come with every record. A bounded table; a
 * text that meets another one's place takes it, so texts that are all different cost a little time and no memory.
 */
export class KnownTexts {
  readonly #slots: string[] = Array.from({ length: SLOTS }, () => '')

  /** The bytes of `buffer` from `start` to before `end`, as UTF-8. */
  get(buffer: Buffer, start: number, end: number): string {
    const length = end - start
    if (length === 0 || length > LONGEST) return buffer.toString('utf8', start, end)
    const slot = slotOf(buffer, start, length)
    const known = this.#slots[slot]
    if (known !== undefined && same(known, buffer, start, length)) return known
    return (this.#slots[slot] = buffer.toString('utf8', start, end))
  }
}

const SLOTS = 256
const LONGEST = 64

/** Texts differ most near their end (`ce_type`, `ce_time`), so a few bytes from there tell them apart. */
function slotOf(buffer: Buffer, start: number, length: number): number {
  const end = start + length
  const last = buffer[end - 1]! * 3 + buffer[end - Math.min(2, length)]! * 17
  return (length * 31 + buffer[start + (length >> 1)]! * 7 + buffer[start]! + last) & (SLOTS - 1)
}

/** Only ASCII is ever found to be the same: no other text has as many characters as bytes, each with the byte's number. */
function same(text: string, buffer: Buffer, start: number, length: number): boolean {
  if (text.length !== length) return false
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== buffer[start + i]) return false
  return true
}
