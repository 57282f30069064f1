/** The longest block that is kept: an event is far shorter. */
const mostCharacters = 4_000_000

/** What an unnamed block of a stream says. */
export interface Block {
  /** '' when it has none. */
  readonly data: string
  /** Up to where the stream has come: to be sent as Last-Event-ID by who comes back. */
  readonly id?: string
}

/** Unnamed blocks of a stream of Server-Sent Events (HTML §9.2.6) as they come. Named ones are left out. */
export async function* eventBlocks(stream: ReadableStream<Uint8Array>): AsyncGenerator<Block, void, undefined> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n')
    rest = blocks.pop() ?? ''
    if (rest.length > mostCharacters) rest = ''
    for (const block of blocks) {
      const lines = block.split('\n')
      if (!lines.some((line) => line.startsWith('event:'))) yield blockOf(lines)
    }
  }
}

function blockOf(lines: readonly string[]): Block {
  const values = (field: string) =>
    lines.flatMap((line) => (line.startsWith(`${field}:`) ? [line.slice(field.length + 1).replace(/^ /, '')] : []))
  const [id] = values('id')
  return { data: values('data').join('\n'), ...(id === undefined ? {} : { id }) }
}
