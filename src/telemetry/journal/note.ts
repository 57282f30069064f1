/** One thing that a journal remembers. */
export interface Note {
  /** What it is, as its writer numbers it: 1 to 127. */
  readonly kind: number
  /** What it is found by, as {@link hashOf} makes it; 0 where there is nothing. */
  readonly hash: number
  /** A number of 32 bits that its writer has a use for. */
  readonly extra: number
  /** Whose it is. */
  readonly subject: string
  /** Where it is, so that it is found by its place: '' for nowhere. */
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** 0 to 65,535. */
  readonly status: number
  /** What has no room in the other fields. */
  readonly text?: string | undefined
}

/** A note as it is found again. */
export interface Remembered extends Note {
  /** Milliseconds since 1970. */
  readonly at: number
}

/** What is looked for: all notes with this hash, or all of this place. */
export type Wanted =
  { readonly hash: number } | { readonly topic: string; readonly partition: number; readonly offset: number }

/**
 * 32 bits that stand for a text: FNV-1a over its UTF-16 code units, and MurmurHash3's finish, since names that differ in their last letters alone
 * would differ in few bits.
 */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193)
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
