/** A piece of text and what it is: '' or the name of a class. @typedef {readonly [text: string, kind: string]} Token */

/** More colours than these cost more than they help. */
const mostTokens = 20_000

/**
 * What data is, by its type and its look.
 * @param {string} text
 * @param {string} contentType
 * @returns {'json' | 'xml' | 'text'}
 */
export function languageOf(text, contentType) {
  if (/[/+]json\b/i.test(contentType)) return 'json'
  if (/[/+]xml\b/i.test(contentType)) return 'xml'
  if (contentType === '' && /^\s*[[{]/.test(text)) return 'json'
  return 'text'
}

/**
 * Laid out for reading, without a change to any number or string.
 * @param {string} text
 * @param {string} contentType
 * @param {boolean} isWhole false: the end is missing
 * @returns {readonly Token[]}
 */
export function pretty(text, contentType, isWhole) {
  const language = languageOf(text, contentType)
  if (language === 'json') return prettyJson(text, isWhole)
  if (language === 'xml') return [[prettyXml(text), '']]
  return [[text, '']]
}

/** @returns {readonly Token[]} */
function prettyJson(text, isWhole) {
  if (isWhole && !isJson(text)) return [[text, '']]
  /** @type {Token[]} */
  const out = []
  let depth = 0
  let opened = false
  const newLine = () => `\n${'  '.repeat(depth)}`
  const tokens = /"(?:\\.|[^"\\])*"?|[{}[\],:]|[^\s{}[\],:"]+/g
  for (let match = tokens.exec(text); match !== null; match = tokens.exec(text)) {
    const [token] = match
    const closes = token === '}' || token === ']'
    if (closes) depth -= 1
    if (depth > 60 || depth < 0 || out.length > mostTokens) return [[text, '']]
    if (opened !== closes && (opened || closes)) out.push([newLine(), ''])
    opened = token === '{' || token === '['
    if (opened) depth += 1
    if (token === ':') out.push([': ', ''])
    else if (token === ',') out.push([`,${newLine()}`, ''])
    else out.push([token, kindOf(token, text, tokens.lastIndex)])
  }
  return out
}

function kindOf(token, text, end) {
  if (token.startsWith('"')) return /^\s*:/.test(text.slice(end, end + 20)) ? 'json-name' : 'json-text'
  if (/^[-\d]/.test(token)) return 'json-number'
  return /^[a-z]/.test(token) ? 'json-word' : ''
}

function isJson(text) {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Elements on lines of their own; those that hold only text stay on one. What is no XML comes out as it went in, or nearly. */
function prettyXml(text) {
  // What is not closed goes on to the end: else each beginning would be looked for an end, through all that follows.
  const parts = text.match(/<!--[^]*?(?:-->|$)|<!\[CDATA\[[^]*?(?:\]\]>|$)|<[^>]*>?|[^<]+/g) ?? []
  if (parts.length > mostTokens) return text
  let [out, depth, before] = ['', 0, '']
  for (const part of parts) {
    const isTag = part.startsWith('<')
    if (!isTag && part.trim() === '') continue
    const closes = part.startsWith('</')
    const opens = isTag && /^<[^!?/]/.test(part) && !part.endsWith('/>')
    if (closes) depth -= 1
    if (depth < 0 || depth > 60) return text
    const inline = !isTag || (closes && (before === 'open' || before === 'text'))
    out += inline ? part.trim() : `${out === '' ? '' : '\n'}${'  '.repeat(depth)}${part}`
    if (opens) depth += 1
    before = opens ? 'open' : isTag ? 'tag' : before === 'open' ? 'text' : 'tag'
  }
  return out
}

/**
 * As `hexdump -C` has it.
 * @param {Uint8Array} bytes
 * @param {number} [most]
 */
export function hex(bytes, most = 4_096) {
  const lines = []
  for (let at = 0; at < Math.min(bytes.length, most); at += 16) {
    const part = [...bytes.subarray(at, Math.min(at + 16, most))]
    const digits = part.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const letters = part.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : '·')).join('')
    lines.push(`${at.toString(16).padStart(6, '0')}  ${digits.padEnd(47)}  ${letters}`)
  }
  if (bytes.length > most) lines.push('…')
  return lines.join('\n')
}

/**
 * @param {{ data: string | null, form: 'text' | 'base64' }} event
 * @returns {Uint8Array}
 */
export function bytesOf({ data, form }) {
  if (data === null) return new Uint8Array()
  return form === 'text' ? new TextEncoder().encode(data) : Uint8Array.from(atob(data), (c) => c.charCodeAt(0))
}
