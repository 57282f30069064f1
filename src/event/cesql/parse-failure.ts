import { length } from './characters.ts'
import type { CesqlError } from './expression.ts'

/** Ends parsing; `parse.ts` catches it and nobody else sees it. `offset` counts UTF-16 units from 0. */
export class ParseFailure extends Error {
  override readonly name = 'ParseFailure'
  readonly offset: number

  constructor(offset: number, message: string) {
    super(message)
    this.offset = offset
  }
}

/** The error for people: with the place in front, as characters, and as line and character where the expression has several lines. */
export function parseError(text: string, { offset, message }: ParseFailure): CesqlError {
  return {
    class: 'parse',
    message: `${place(text, offset)}: ${message}`,
    position: length(text.slice(0, offset)) + 1,
  }
}

/** Where an offset is, for people: "character 7", or "line 2, character 7". */
export function place(text: string, offset: number): string {
  const before = text.slice(0, offset)
  const lineStart = before.lastIndexOf('\n') + 1
  const character = `character ${length(before.slice(lineStart)) + 1}`
  return text.trimEnd().includes('\n') ? `line ${before.split('\n').length}, ${character}` : character
}
