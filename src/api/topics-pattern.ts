/** The names of topics that a pattern may name, `*` included. */
const wellFormed = /^[a-zA-Z0-9._*-]{1,249}$/

/** Nobody writes more patterns into one annotation. */
const most = 50

/** Topics of others' machinery that no pattern means: Kafka's own, those of Brokers, Channels, and of events that nobody took. */
const leftOut = /^__|^knative-broker-|^knative-messaging-|__parked$/

/** `orders-*, payments.eu.*` → its parts; or what is wrong with it. */
export function topicsPattern(text: string): readonly string[] | { readonly problem: string } {
  const parts = text.split(',').map((part) => part.trim())
  const wrong = parts.find((part) => !wellFormed.test(part))
  if (wrong !== undefined)
    return {
      problem: `must be names of topics in which * stands for any text, separated by commas, e.g. orders-*; ${wrong === '' ? 'one is empty' : `${JSON.stringify(wrong)} is none, and regular expressions are not understood`}`,
    }
  return parts.length > most ? { problem: `may have ${most} patterns, and has ${parts.length}` } : parts
}

/** Those of `names` that one of `parts` means, in the order of their names. Takes no more time for a malicious pattern than for another. */
export function matchingTopics(names: readonly string[], parts: readonly string[]): readonly string[] {
  return names.filter((name) => !leftOut.test(name) && parts.some((part) => matches(name, part))).toSorted()
}

/** Each piece between two stars at the first place where it is found: if that fails no other would do. */
function matches(name: string, pattern: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  if (rest.length === 0) return name === pattern
  const last = rest.pop() ?? ''
  if (!name.startsWith(first) || !name.endsWith(last)) return false
  const end = name.length - last.length
  let at = first.length
  for (const piece of rest) {
    const found = name.indexOf(piece, at)
    if (found < 0) return false
    at = found + piece.length
  }
  return at <= end
}
