/** The longest block that is kept: an event is far shorter. */
const mostCharacters = 4_000_000

/** What a block of a stream says. */
export interface Block {
  /** '' when it has none, as events have. */
  readonly name: string
  /** '' when it has none. */
  readonly data: string
  /** Up to where the stream has come: to be sent as Last-Event-ID by who comes back. */
  readonly id?: string
}

/** Blocks of a stream of Server-Sent Events (HTML §9.2.6) as they come. */
export async function* blocksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Block, void, undefined> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n')
    rest = blocks.pop() ?? ''
    if (rest.length > mostCharacters) rest = ''
    for (const block of blocks) yield blockOf(block.split('\n'))
  }
}

function blockOf(lines: readonly string[]): Block {
  const values = (field: string) =>
    lines.flatMap((line) => (line.startsWith(`${field}:`) ? [line.slice(field.length + 1).replace(/^ /, '')] : []))
  const [[id], [name = '']] = [values('id'), values('event')]
  return { name, data: values('data').join('\n'), ...(id === undefined ? {} : { id }) }
}
