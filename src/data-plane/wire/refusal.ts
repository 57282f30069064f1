/** Why a message is no CloudEvent that we take. Closed, so that answers, tests and metrics can name it. */
export type RefusalCode =
  | 'NotACloudEvent'
  | 'MissingAttribute'
  | 'InvalidAttribute'
  | 'InvalidHeader'
  | 'InvalidJson'
  | 'InvalidData'
  | 'UnsupportedMediaType'
  | 'UnsupportedEncoding'

const titles: Readonly<Record<RefusalCode, string>> = {
  NotACloudEvent: 'Not a CloudEvent',
  MissingAttribute: 'A required attribute is missing',
  InvalidAttribute: 'An attribute is not valid',
  InvalidHeader: 'A header is not valid',
  InvalidJson: 'The body is not valid JSON',
  InvalidData: 'The data of the event is not valid',
  UnsupportedMediaType: 'Unsupported media type',
  UnsupportedEncoding: 'Unsupported content encoding',
}

/** A message that was read and refused: what is wrong and what to do, in a sentence for its sender. A value, never thrown. */
export class Refusal {
  readonly code: RefusalCode
  readonly detail: string
  /** The attribute in question, as CloudEvents name it. */
  readonly attribute?: string

  constructor(code: RefusalCode, detail: string, attribute?: string) {
    this.code = code
    this.detail = detail
    if (attribute !== undefined) this.attribute = attribute
  }

  /** HTTP status: 415 when another media type or encoding would help, else 400. */
  get status(): 400 | 415 {
    return this.code === 'UnsupportedMediaType' || this.code === 'UnsupportedEncoding' ? 415 : 400
  }

  get title(): string {
    return titles[this.code]
  }
}

/** Text of a stranger inside our sentence: short, one line, visibly quoted. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
