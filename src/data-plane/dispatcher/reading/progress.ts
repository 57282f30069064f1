/**
 * How far an Outlet has come on one partition. Offsets are plain numbers in this room: exact up to 2^53, which a partition
 * reaches after 285 years at a million records a second.
 *
 *     position          pending          upTo
 *     ▼                 ▼      ▼         ▼
 *     ████░░░░░░░░░░░░░░█░░░░░░█░░░░░░░░░│ not read yet
 *     the first pending one; ░ is finished: delivered, dead-lettered, parked or filtered
 */
export interface Progress {
  /** The first offset that is not finished: what is committed. */
  readonly position: number
  /** Everything in [position, upTo) is finished, except `pending`. Never below `position`. */
  readonly upTo: number
  /** Ascending, all in [position, upTo). Bounded by the window, which closes before their encoding would be too long. */
  readonly pending: readonly number[]
}

/** What is left of it in a log that was cut at `end`. */
export function cutAt({ position, upTo, pending }: Progress, end: number): Progress {
  return {
    position: Math.min(position, end),
    upTo: Math.min(upTo, end),
    pending: pending.filter((offset) => offset < end),
  }
}

/** When and with how many partitions an Outlet first started. Travels with every position, so that no owner has to guess. */
export interface FirstStart {
  /** Seconds since 1970; 0 when unknown. */
  readonly at: number
  readonly partitions: number
}

export const unknownStart: FirstStart = { at: 0, partitions: 0 }

/** The server takes 4,096 bytes; we leave the other half to it. */
const MAX_LENGTH = 2048
const PREFIX = 'm1:'

/**
 * What the pending offsets may take, bytes: the rest holds the first start, the length and their number. Whoever keeps below it, counted by
 * {@link gapBytes}, is never cut.
 */
export const PENDING_BYTES = 1500
/** A gap takes no more than this: offsets are below 2^53. */
export const LONGEST_GAP_BYTES = 8

/** How many bytes the distance from one pending offset to the next takes. */
export function gapBytes(gap: number): number {
  let bytes = 1
  for (let rest = gap; rest > 127; rest = Math.floor(rest / 128)) bytes++
  return bytes
}

/**
 * Commit metadata: `m1:` + base64 of varints: first start, its partitions, upTo − position, count and gaps of `pending`, position. The last
 * tells whether the rest belongs to the offset that it stands beside: tools that mirror a group into another Kafka move the one, and copy the
 * other.
 */
export function encodeProgress(progress: Progress, start: FirstStart): string {
  const bytes: number[] = []
  putVarint(bytes, start.at)
  putVarint(bytes, start.partitions)
  const stamp = bytes.length
  if (progress.upTo > progress.position) {
    putVarint(bytes, progress.upTo - progress.position)
    putVarint(bytes, progress.pending.length)
    let last = progress.position
    for (const offset of progress.pending) {
      putVarint(bytes, offset - last)
      last = offset
    }
    putVarint(bytes, progress.position)
  }
  const text = PREFIX + Buffer.from(bytes).toString('base64')
  return text.length <= MAX_LENGTH ? text : PREFIX + Buffer.from(bytes.slice(0, stamp)).toString('base64')
}

/** Reads what {@link encodeProgress} wrote. Metadata of another program, another version, another position or damaged: the bare position. */
export function decodeProgress(position: number, metadata: string): { progress: Progress; start: FirstStart } {
  const bare = { position, upTo: position, pending: [] }
  if (!metadata.startsWith(PREFIX)) return { progress: bare, start: unknownStart }
  const numbers = getVarints(Buffer.from(metadata.slice(PREFIX.length), 'base64'))
  const [at, partitions, length, count, ...rest] = numbers ?? []
  if (at === undefined || partitions === undefined) return { progress: bare, start: unknownStart }
  const start = { at, partitions }
  if (length === undefined || count === undefined) return { progress: bare, start }
  const [gaps, written] = [rest.slice(0, count), rest.slice(count)]
  // versions before wrote no position
  if (gaps.length !== count || written.length > 1 || (written[0] ?? position) !== position)
    return { progress: bare, start }
  let last = position
  const pending = gaps.map((gap) => (last += gap))
  const upTo = position + length
  return last < upTo ? { progress: { position, upTo, pending }, start } : { progress: bare, start }
}

/** The metadata that tells of the first start alone. */
export function firstStartOf(metadata: string): string {
  const { start } = decodeProgress(0, metadata)
  return start.at === 0 ? '' : encodeProgress({ position: 0, upTo: 0, pending: [] }, start)
}

function putVarint(bytes: number[], value: number): void {
  let rest = value
  while (rest > 127) {
    bytes.push((rest % 128) | 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
}

function getVarints(bytes: Buffer): number[] | null {
  const numbers: number[] = []
  let value = 0
  let scale = 1
  for (const byte of bytes) {
    value += (byte & 127) * scale
    scale *= 128
    if (byte > 127) continue
    if (!Number.isSafeInteger(value)) return null
    numbers.push(value)
    value = 0
    scale = 1
  }
  return scale === 1 ? numbers : null
}
