import { isUtf8 } from 'node:buffer'
import type { Paint } from '../output/paint.ts'
import { plainJson, plainLine, plainText } from '../output/plain-text.ts'

/** An event as it passed. */
export interface TailedEvent {
  /** Milliseconds since 1970. */
  readonly time: number
  /** Where it was seen: where it was delivered to, or where it stands in the topic. */
  readonly at: { readonly to: string } | { readonly topic: string; readonly partition: number; readonly offset: string }
  readonly attributes: ReadonlyMap<string, string>
  readonly data: Buffer | null
  /** How large the data is as a whole, where `data` is its beginning only. */
  readonly bytes?: number
}

/** Of longer data the beginning is shown; --output json has all of it. */
const mostShown = 4_096

export function shownAs(output: 'pretty' | 'json', paint: Paint): (event: TailedEvent) => string {
  return output === 'json' ? asJson : (event) => asText(event, paint)
}

/** `data` is text where it is UTF-8; else `data_base64`. Numbers in it are not touched. */
function asJson({ time, at, attributes, data, bytes }: TailedEvent): string {
  const content =
    data === null ? {} : isUtf8(data) ? { data: data.toString() } : { data_base64: data.toString('base64') }
  const cut = data !== null && bytes !== undefined && bytes > data.length ? { bytes } : {}
  return plainJson({
    time: new Date(time).toISOString(),
    ...at,
    attributes: Object.fromEntries(attributes),
    ...content,
    ...cut,
  })
}

/** What stands in the first line, or is the same for all. */
const inFirstLine = new Set(['type', 'source', 'id', 'specversion'])

function asText(event: TailedEvent, paint: Paint): string {
  const { attributes, at } = event
  const get = (name: string) => plainLine(attributes.get(name) ?? '')
  const time = new Date(event.time).toISOString().slice(11, 23)
  const where = 'to' in at ? plainLine(at.to) : `${at.partition}/${at.offset}`
  const first = `${paint.quiet(time)}  ${paint.strong(get('type'))}  ${get('source')}  ${get('id')}  ${paint.quiet(`→ ${where}`)}`
  const others = [...attributes].filter(([name]) => !inFirstLine.has(name))
  const more = others.map(([name, value]) => plainLine(`${name}=${value}`)).join('  ')
  return [first, ...(more === '' ? [] : [paint.quiet(`  ${more}`)]), ...dataLines(event)].join('\n')
}

function dataLines({ data, bytes }: TailedEvent): readonly string[] {
  if (data === null || data.length === 0) return []
  const size = bytes ?? data.length
  if (!isUtf8(data) || data.includes(0)) return [`  (${size} bytes, not text)`]
  const text = data.length > mostShown ? data.toString('utf8', 0, mostShown) : data.toString()
  const whole = size <= mostShown && size === data.length
  const lines = plainText(text).split('\n')
  return [...lines.map((line) => `  ${line}`), ...(whole ? [] : [`  … (${size} bytes)`])]
}
