/** A part of a pattern that stands between two `%`: code points, and `any` for each `_`. */
type Segment = readonly number[]
const any = -1
/** Up to this length a plain search costs no more than a bounded factor, whatever the text. */
const plainSearch = 64

/** A pattern of LIKE, taken apart. */
export interface Pattern {
  /** What stands before, between and after the `%`; one more than there are `%`. Some may be empty. */
  readonly segments: readonly Segment[]
}

/** Reads a pattern (§3.4.3): `%` is any text, `_` any character, `\%` and `\_` are these characters; any other backslash is itself. */
export function readPattern(text: string): Pattern {
  const points = codePoints(text)
  const segments: number[][] = [[]]
  for (let i = 0; i < points.length; i++) {
    const point = points[i] as number
    const last = segments.at(-1) as number[]
    if (point === backslash && (points[i + 1] === percent || points[i + 1] === underscore))
      last.push(points[++i] as number)
    else if (point === percent) segments.push([])
    else last.push(point === underscore ? any : point)
  }
  return { segments }
}

const backslash = 0x5c
const percent = 0x25
const underscore = 0x5f

/** What every match begins with; the whole pattern when it has no wildcard. */
export function literalPrefix({ segments }: Pattern): { readonly prefix: string; readonly isAll: boolean } {
  const first = segments[0] as Segment
  const hole = first.indexOf(any)
  return { prefix: text(hole < 0 ? first : first.slice(0, hole)), isAll: hole < 0 && segments.length === 1 }
}

/**
 * Compiles a pattern into a matcher whose cost grows with the text, and at worst with text times pattern: never exponentially.
 *
 *     text ──► begins with the first segment ──► ends with the last ──► between them each of the others, at its first place, in order
 */
export function compilePattern(pattern: Pattern): (text: string) => boolean {
  const { segments } = pattern
  const plain = segments.every(
    (segment, i) => !segment.includes(any) && (segment.length <= plainSearch || isOuter(segments, i)),
  )
  return plain ? plainMatcher(segments.map(text)) : wildMatcher(segments)
}

const isOuter = (segments: readonly Segment[], index: number) => index === 0 || index === segments.length - 1

function plainMatcher(segments: readonly string[]): (text: string) => boolean {
  const first = segments[0] as string
  const last = segments.at(-1) as string
  if (segments.length === 1) return (text) => text === first
  const between = segments.slice(1, -1).filter((segment) => segment !== '')
  return (text) => {
    if (!text.startsWith(first) || !text.endsWith(last)) return false
    const end = text.length - last.length
    let at = first.length
    for (const segment of between) {
      const found = text.indexOf(segment, at)
      if (found < 0) return false
      at = found + segment.length
    }
    return at <= end
  }
}

function wildMatcher(segments: readonly Segment[]): (text: string) => boolean {
  const first = segments[0] as Segment
  const last = segments.at(-1) as Segment
  const searches = segments
    .slice(1, -1)
    .map((segment) => (segment.length > plainSearch ? new Search(segment) : segment))
  const shortest = first.length + last.length
  return (text) => {
    const points = codePoints(text)
    if (segments.length === 1) return points.length === first.length && standsAt(points, first, 0)
    const end = points.length - last.length
    if (points.length < shortest || !standsAt(points, first, 0) || !standsAt(points, last, end)) return false
    let at = first.length
    for (const search of searches) {
      at = search instanceof Search ? search.endOfFirst(points, at, end) : endOfFirst(search, points, at, end)
      if (at < 0) return false
    }
    return true
  }
}

/** Where the first match from `from` on ends, not beyond `end`; -1: there is none. For short segments: the factor is bounded. */
function endOfFirst(segment: Segment, points: readonly number[], from: number, end: number): number {
  for (let at = from; at + segment.length <= end; at++) if (standsAt(points, segment, at)) return at + segment.length
  return -1
}

function standsAt(points: readonly number[], segment: Segment, at: number): boolean {
  for (let i = 0; i < segment.length; i++) {
    if (segment[i] !== any && segment[i] !== points[at + i]) return false
  }
  return true
}

/**
 * Finds a segment with holes: bit i of the state says that the last i+1 characters match the beginning of the segment (the Shift-And
 * algorithm). One step a character, on 32 places of the segment at a time.
 */
class Search {
  readonly #masks = new Map<number, Int32Array>()
  readonly #holes: Int32Array
  readonly #state: Int32Array
  readonly #lastBit: number

  constructor(segment: Segment) {
    const words = Math.ceil(segment.length / 32)
    this.#state = new Int32Array(words)
    this.#lastBit = 1 << ((segment.length - 1) % 32)
    this.#holes = new Int32Array(words)
    for (let i = 0; i < segment.length; i++) if (segment[i] === any) set(this.#holes, i)
    for (let i = 0; i < segment.length; i++) {
      const point = segment[i] as number
      if (point === any) continue
      const mask = this.#masks.get(point) ?? Int32Array.from(this.#holes)
      this.#masks.set(point, set(mask, i))
    }
  }

  /** As the function of this name. */
  endOfFirst(points: readonly number[], from: number, end: number): number {
    const state = this.#state.fill(0)
    for (let i = from; i < end; i++) {
      const mask = this.#masks.get(points[i] as number) ?? this.#holes
      let carry = 1
      for (let word = 0; word < state.length; word++) {
        const before = state[word] as number
        state[word] = ((before << 1) | carry) & (mask[word] as number)
        carry = before >>> 31
      }
      if (((state.at(-1) as number) & this.#lastBit) !== 0) return i + 1
    }
    return -1
  }
}

function set(mask: Int32Array, bit: number): Int32Array {
  mask[bit >> 5] = (mask[bit >> 5] as number) | (1 << (bit & 31))
  return mask
}

function codePoints(text: string): number[] {
  const points: number[] = []
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i) as number
    if (point > 0xffff) i++
    points.push(point)
  }
  return points
}

/** Piece by piece: a call takes a bounded number of arguments. */
const text = (segment: Segment): string => segment.map((point) => String.fromCodePoint(point)).join('')
