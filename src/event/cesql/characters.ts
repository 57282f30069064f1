/** Strings are sequences of Unicode characters (§3.1): what JavaScript holds as a surrogate pair is one. */

/** How many characters a string has. */
export function length(text: string): number {
  let pairs = 0
  for (let i = 0; i < text.length; i++) {
    if (!isPair(text, i)) continue
    pairs++
    i++
  }
  return text.length - pairs
}

/** Where, in UTF-16 units, the character with this number begins, from 0; the end of the string when it has fewer. */
export function offsetOf(text: string, character: number): number {
  let at = 0
  for (let left = character; left > 0 && at < text.length; left--) at += isPair(text, at) ? 2 : 1
  return at
}

/** Without white space, as Unicode has it, at both ends. `String.trim` has another idea: of U+0085 and U+FEFF. */
export function trim(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && white.test(text[start] as string)) start++
  while (end > start && white.test(text[end - 1] as string)) end--
  return text.slice(start, end)
}

const white = /\p{White_Space}/u

const isPair = (text: string, at: number) => (text.codePointAt(at) as number) > 0xffff
