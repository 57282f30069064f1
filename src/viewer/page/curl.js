/** Attributes that a delivery adds: who sends an event anew does not send them. */
const added = /^knative(kafka|arrival|broker|error)/

/** Whoever pastes a command must not paste keys, as ctrl-C: that would end the quote that they stand in. */
const keys = /[^\P{Cc}\n\t]/gu

/** Longer data comes on standard input: one argument may be 128 KiB on Linux. */
const longestArgument = 32_768

/**
 * A command for a shell that sends the event again, in binary mode.
 * @param {{ attributes: Record<string, string>, data: string | null, form: 'text' | 'base64' }} event
 * @param {string} url
 */
export function curlOf({ attributes, data, form }, url) {
  const { datacontenttype, ...rest } = attributes
  const headers = Object.entries(rest)
    .filter(([name]) => !added.test(name))
    .map(([name, value]) => `ce-${name}: ${encoded(value)}`)
  // curl would say that it is a form.
  headers.push(
    datacontenttype === undefined ? 'content-type:' : `content-type: ${datacontenttype.replaceAll(/\p{Cc}/gu, '')}`,
  )
  const start = `curl -i ${quote(url)}${headers.map((header) => ` \\\n  -H ${quote(header)}`).join('')}`
  if (data === null) return `${start} \\\n  -X POST`
  if (form === 'text' && data.length <= longestArgument && data.search(keys) < 0)
    return `${start} \\\n  --data-raw ${quote(data)}`
  const base64 = form === 'base64' ? data : toBase64(data)
  return `base64 -d <<'EOF' | ${start} \\\n  --data-binary @-\n${(base64.match(/.{1,76}/g) ?? []).join('\n')}\nEOF`
}

/** As one word of a shell. @param {string} text */
export function quote(text) {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}

/** CloudEvents HTTP binding 1.0.2 §3.1.3.2: all but printable ASCII, and space, quote and percent. */
function encoded(value) {
  return value.replaceAll(/[^\u0021\u0023\u0024\u0026-\u007e]+/g, (text) =>
    [...new TextEncoder().encode(text.toWellFormed())]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  )
}

/** @param {string} text */
function toBase64(text) {
  let binary = ''
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte)
  return btoa(binary)
}

/**
 * The event in the JSON format of CloudEvents.
 * @param {{ attributes: Record<string, string>, data: string | null, form: 'text' | 'base64' }} event
 */
export function structuredOf({ attributes, data, form }) {
  const head = JSON.stringify(attributes, null, 2)
  if (data === null) return head
  const isJson = form === 'text' && /[/+]json\b/i.test(attributes.datacontenttype ?? '') && parses(data)
  const member =
    form === 'base64' ? `"data_base64": ${JSON.stringify(data)}` : `"data": ${isJson ? data : JSON.stringify(data)}`
  return `${head.slice(0, -2)},\n  ${member}\n}`
}

function parses(text) {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
