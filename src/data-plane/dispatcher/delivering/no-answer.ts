/** What undici says where there was no answer, by its words, and what that means. */
const meanings: readonly (readonly [RegExp, string])[] = [
  [/^bad response$/, 'it answered 100 Continue, for which nobody asked'],
  [/^bad upgrade$/, 'it answered 101 Switching Protocols, for which nobody asked'],
  [/^other side closed$/, 'it closed the connection before its answer was complete'],
  [/^Headers Overflow Error$/, 'the headers of its answer are too large'],
  [/Expected HTTP\//, 'it does not speak HTTP/1.1 (HTTP/2 alone, without TLS, looks like that)'],
]

/** Why a request found no answer: a sentence's end for people. */
export function whyNoAnswer(error: Error): string {
  // several addresses were tried: each has its own error, and the whole has no words
  const of =
    error instanceof AggregateError && error.message === '' ? error.errors.map(messageOf).join(', ') : messageOf(error)
  return meanings.find(([words]) => words.test(of))?.[1] ?? of
}

/** What an error says, its name where that is nothing. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.trim() || error.name : String(error)
}
