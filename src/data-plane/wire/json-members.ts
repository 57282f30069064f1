/** Where one member of a JSON object stands in its bytes. */
export interface Member {
  readonly name: string
  /** First byte of the value. */
  readonly start: number
  /** Byte after the value. */
  readonly end: number
}

const quote = 0x22
const backslash = 0x5c

/** What one walk over the bytes of an object finds. */
export interface Members {
  /** In order, duplicates included. */
  readonly members: readonly Member[]
  /** Byte after the object. */
  readonly end: number
}

/**
 * The members of an object: so that the bytes of a value can be taken as they were sent (`JSON.parse` would turn 12345678901234567890 and
 * 1.0 into other numbers).
 * @param json bytes that `JSON.parse` has accepted: nothing is checked again here.
 * @param from the object begins here, or after space.
 */
export function membersOf(json: Buffer, from = 0): Members {
  const members: Member[] = []
  let at = skipSpace(json, json.indexOf(0x7b, from) + 1)
  while (json[at] === quote) {
    const nameEnd = stringEnd(json, at)
    const name = JSON.parse(json.toString('utf8', at, nameEnd)) as string
    const start = skipSpace(json, skipSpace(json, nameEnd) + 1)
    const end = valueEnd(json, start)
    members.push({ name, start, end })
    at = skipSpace(json, end)
    if (json[at] === 0x2c) at = skipSpace(json, at + 1)
  }
  return { members, end: at + 1 }
}

/** The first byte from `at` on that is no white space of JSON. */
export function skipSpace(json: Buffer, at: number): number {
  while (json[at] === 0x20 || json[at] === 0x0a || json[at] === 0x0d || json[at] === 0x09) at++
  return at
}

/** @param at the opening quote. @returns the byte after the closing one. */
function stringEnd(json: Buffer, at: number): number {
  for (at++; at < json.length && json[at] !== quote; at++) if (json[at] === backslash) at++
  return at + 1
}

function valueEnd(json: Buffer, at: number): number {
  const first = json[at]
  if (first === quote) return stringEnd(json, at)
  return first === 0x7b || first === 0x5b ? nestedEnd(json, at) : scalarEnd(json, at)
}

/** End of an object or array: brackets match, so counting both kinds together is enough. */
function nestedEnd(json: Buffer, at: number): number {
  let depth = 0
  while (at < json.length) {
    const byte = json[at]
    if (byte === quote) {
      at = stringEnd(json, at)
      continue
    }
    if (byte === 0x7b || byte === 0x5b) depth++
    else if (byte === 0x7d || byte === 0x5d) depth--
    at++
    if (depth === 0) break
  }
  return at
}

/** End of a number, true, false or null. */
function scalarEnd(json: Buffer, at: number): number {
  for (; at < json.length; at++) {
    const byte = json[at] ?? 0
    if (byte <= 0x20 || byte === 0x2c || byte === 0x7d || byte === 0x5d) break
  }
  return at
}
