import type { EventSpec, Mode } from './cases.ts'
import type { Sdk } from './program.ts'
import { percentEncoded, type Event } from './witness.ts'

/** How an event gets to the data plane: by itself, in a batch, or as the answer to another. */
export type Way = 'sent' | 'batched' | 'answered'

/** One event on its way: who makes it, how. */
export interface Passage {
  readonly sdk: Sdk
  readonly way: Way
  readonly mode: Mode
  readonly spec: EventSpec
}

/**
 * What the SDKs do to an event by themselves, before they send it and after they have received it: found by these tests, kept here so
 * that no expectation bends silently. An SDK that gets better makes a test fail, and its line here go.
 */
interface Quirks {
  /**
   * Attributes go into headers and come out of them as they are. HTTP binding 1.0.2 §3.1.3.2 wants them percent-encoded; an application that
   * sends such values in binary mode has to do that itself, and one that receives them has to decode them.
   */
  readonly headersAsTheyAre: boolean
  /** Where an event without a time goes out with the time of its making. */
  readonly addsATime: readonly Way[]
  /** An event without a time is shown with the time of its arrival. */
  readonly showsATime: boolean
  /** How it spells a time. All of them mean the same moment. */
  readonly time: (time: string) => string
  /** How it spells `true` in a header. */
  readonly yes: string
  /** How it spells JSON that it was given as a value. */
  readonly writesJson: (text: string, mode: Mode, mediaType: string) => string
  /** How it spells JSON that came in this mode: null, it leaves the bytes alone. */
  readonly readsJson: (mode: Mode, mediaType: string) => ((text: string) => string | undefined) | null
  /** What it refuses to read. */
  readonly refuses?: (mode: Mode, mediaType: string, data: string) => boolean
  /** The Content-Type in binary mode of an event that has none. */
  readonly contentTypeOfNothing?: string
}

const same = (text: string) => text

export const quirks: Readonly<Record<Sdk, Quirks>> = {
  // 10.0.0
  javascript: {
    headersAsTheyAre: true,
    addsATime: ['sent', 'batched', 'answered'],
    showsATime: true,
    time: (time) => new Date(time).toISOString(),
    yes: 'true',
    // numbers beyond 2^53 and 1.0 become other numbers: JSON is parsed both ways, and what was read is a value, no bytes
    writesJson: asJavaScript,
    readsJson: (mode, mediaType) =>
      mode === 'structured' || mediaType === 'application/json' ? (text) => content(text) ?? asJavaScript(text) : null,
    contentTypeOfNothing: 'application/json; charset=utf-8',
  },
  // 2.2.0
  python: {
    headersAsTheyAre: false,
    addsATime: ['sent', 'batched', 'answered'],
    showsATime: true,
    time: (time) => withFraction(time, inMicroseconds),
    yes: 'True', // no canonical Boolean (CloudEvents 1.0.2 §3.1)
    writesJson: asPython,
    readsJson: () => (text) => content(text) ?? asPython(text),
  },
  // 2.16.2
  go: {
    headersAsTheyAre: true,
    addsATime: ['sent'], // its client does
    showsATime: false,
    time: (time) => withFraction(inUtc(time), withoutZeros),
    yes: 'true',
    writesJson: (text, mode, mediaType) =>
      mode === 'structured' && isVendors(mediaType) ? JSON.stringify(compact(text)) : compact(text),
    readsJson: (mode, mediaType) => (mode === 'structured' && isVendors(mediaType) ? content : null),
    refuses: objectsOfVendors,
  },
  // 4.0.1
  java: {
    headersAsTheyAre: true,
    addsATime: [],
    showsATime: false,
    time: (time) => withFraction(time, withoutZeros),
    yes: 'true',
    writesJson: same,
    readsJson: (mode, mediaType) => (mode === 'binary' ? null : isVendors(mediaType) ? content : asJava),
    refuses: objectsOfVendors,
  },
}

/**
 * To two of them application/vnd.example+json is no JSON: in structured mode they expect a string there and refuse anything else, and one
 * writes a string that holds JSON.
 */
function objectsOfVendors(mode: Mode, mediaType: string, data: string): boolean {
  return mode === 'structured' && isVendors(mediaType) && content(data) === undefined
}

const isVendors = (mediaType: string) => mediaType.endsWith('+json')

/** Made up by the SDK: any moment of this run. */
export const aTime = 'a time of this run'

/** What a program is told to make, so that `spec` goes out although the SDK leaves the encoding of headers to the application. */
export function told({ sdk, mode, spec }: Passage): EventSpec {
  if (mode !== 'binary' || !quirks[sdk].headersAsTheyAre) return spec
  const inHeader = (value: string | number | boolean) => (typeof value === 'string' ? percentEncoded(value) : value)
  const { datacontenttype, ...rest } = spec.attributes
  // that one has a header of its own, which is not encoded
  const contentType = datacontenttype === undefined ? {} : { datacontenttype }
  return { data: spec.data, attributes: { ...mapped(rest, inHeader), ...contentType } }
}

/** The event that the data plane gets. */
export function asSent({ sdk, way, mode, spec }: Passage): Event {
  const { addsATime, time, yes, writesJson, contentTypeOfNothing } = quirks[sdk]
  const inBinary = mode === 'binary'
  const attributes: Record<string, string> = mapped(spec.attributes, (value) =>
    value === true && inBinary ? yes : String(value),
  )
  if (attributes['time'] !== undefined) attributes['time'] = time(attributes['time'])
  else if (addsATime.includes(way)) attributes['time'] = aTime
  if (inBinary && contentTypeOfNothing !== undefined) attributes['datacontenttype'] ??= contentTypeOfNothing
  return {
    attributes,
    data: dataSent(spec.data, (text) => writesJson(text, mode, mediaTypeOf(spec.attributes['datacontenttype']))),
  }
}

function dataSent(data: EventSpec['data'], writesJson: (text: string) => string): Buffer | null {
  if (data === null) return null
  if ('json' in data) return Buffer.from(writesJson(data.json))
  return 'text' in data ? Buffer.from(data.text) : Buffer.from(data.base64, 'base64')
}

/** What the SDK shows of an event that it was given in this mode; null: it refuses it. */
export function asShown(sdk: Sdk, mode: Mode, { attributes, data }: Event): Event | null {
  const { headersAsTheyAre, showsATime, time, readsJson, refuses } = quirks[sdk]
  const shown = headersAsTheyAre && mode === 'binary' ? mapped(attributes, percentEncoded) : { ...attributes }
  const { datacontenttype: type } = attributes
  if (type !== undefined) shown['datacontenttype'] = type
  if (shown['time'] !== undefined) shown['time'] = time(shown['time'])
  else if (showsATime) shown['time'] = aTime
  const mediaType = mediaTypeOf(type)
  if (data === null || !mediaType.endsWith('json')) return { attributes: shown, data }
  if (refuses?.(mode, mediaType, String(data)) === true) return null
  const spelling = readsJson(mode, mediaType)
  return { attributes: shown, data: spelling === null ? data : Buffer.from(spelling(String(data)) ?? '') }
}

function mapped<V, R>(record: Readonly<Record<string, V>>, change: (value: V) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]))
}

function asJavaScript(text: string): string {
  return JSON.stringify(JSON.parse(text))
}

function asPython(text: string): string {
  return spell(text, ', ', ': ', (string) =>
    string.replaceAll(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  )
}

function compact(text: string): string {
  return spell(text, ',', ':', same)
}

/** Letters that were escaped come out as themselves. */
function asJava(text: string): string {
  return spell(text, ',', ':', (token) => (token.startsWith('"') ? JSON.stringify(JSON.parse(token)) : token))
}

/** What a JSON string says; undefined for any other JSON. */
function content(text: string): string | undefined {
  const value: unknown = JSON.parse(text)
  return typeof value === 'string' ? value : undefined
}

const mediaTypeOf = (contentType: unknown) => String(contentType).split(';')[0] ?? ''

/** JSON with the same tokens, numbers as they were written, and other spaces. */
function spell(text: string, comma: string, colon: string, string: (token: string) => string): string {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[^\s"{}[\],:]+|[{}[\],:]/g) ?? []
  return tokens.map((token) => (token === ',' ? comma : token === ':' ? colon : string(token))).join('')
}

/** The time with another fraction of its second: of the digits as they were, '' when there is none. */
function withFraction(time: string, change: (digits: string) => string): string {
  const [, seconds = '', digits = '', zone = ''] = /^([^.]+?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(time) ?? []
  const changed = change(digits)
  return `${seconds}${changed === '' ? '' : `.${changed}`}${zone}`
}

const withoutZeros = (digits: string) => digits.replace(/0+$/, '')
const inMicroseconds = (digits: string) => (withoutZeros(digits) === '' ? '' : digits.slice(0, 6).padEnd(6, '0'))

function inUtc(time: string): string {
  const seconds = new Date(withFraction(time, () => '')).toISOString().slice(0, '2026-11-21T10:00:00'.length)
  return `${seconds}${time.slice(seconds.length).replace(/(Z|[+-]\d\d:\d\d)$/, 'Z')}`
}
