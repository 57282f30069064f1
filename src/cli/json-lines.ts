/** What may stand in one line: a line that is longer is not kept, so that memory stays bounded whatever comes in. */
const maxLineBytes = 16 * 1024 * 1024

/** A line without its end, or null when it was longer than a line may be. */
export type Line = Buffer | null

/**
 * Cuts a stream into lines at each line feed, as soon as it is there; the last needs none. (`node:readline` also cuts at U+2028, which JSON has in
 * its strings.)
 */
export async function* linesOf(
  input: AsyncIterable<Buffer>,
  maxBytes = maxLineBytes,
): AsyncGenerator<Line, void, undefined> {
  let parts: Buffer[] = []
  let size = 0
  for await (const chunk of input) {
    let from = 0
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, from)) {
      yield size + end - from > maxBytes ? null : Buffer.concat([...parts, chunk.subarray(from, end)])
      parts = []
      size = 0
      from = end + 1
    }
    size += chunk.length - from
    if (size > maxBytes) parts = []
    else if (from < chunk.length) parts.push(chunk.subarray(from))
  }
  if (size > 0) yield size > maxBytes ? null : Buffer.concat(parts)
}

const lineFeed = 0x0a
