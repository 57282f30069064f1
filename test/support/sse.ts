import type { SeenEvent } from '../../src/viewer/seen-event.ts'

/** One block of Server-Sent Events. */
export interface SseBlock {
  /** '' for a message without a name. */
  readonly event: string
  /** Null: none. */
  readonly data: string | null
  readonly id: string | null
}

/** The blocks of a stream, as they come, until it ends. */
export async function* sseBlocks(answer: Response): AsyncGenerator<SseBlock> {
  let rest = ''
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + chunk).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) yield readBlock(block)
  }
}

/** The events of a stream as the page reads them, until it ends. */
export async function* seenEvents(answer: Response): AsyncGenerator<SeenEvent> {
  for await (const { event, data } of sseBlocks(answer)) {
    if (event === '' && data !== null) yield JSON.parse(data) as SeenEvent
  }
}

function readBlock(block: string): SseBlock {
  const lines = block.split('\n')
  const values = (name: string): string[] =>
    lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2))
  const data = values('data')
  return {
    event: values('event')[0] ?? '',
    data: data.length === 0 ? null : data.join('\n'),
    id: values('id')[0] ?? null,
  }
}
