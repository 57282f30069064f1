/**
 * A text of others for the status of an object: at most so many characters. Half a character, be it theirs or one that we cut, the API server would
 * store as another one; then what is stored would never be what was to be.
 */
export function bounded(text: string, longest: number): string {
  return text.slice(0, longest).toWellFormed()
}
