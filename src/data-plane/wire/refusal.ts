import type { Named } from '../../contract/lineage.ts'

/** Why a message is no CloudEvent that we take. Closed, so that answers, tests and metrics can name it. */
export type RefusalCode =
  | 'NotACloudEvent'
  | 'MissingAttribute'
  | 'InvalidAttribute'
  | 'InvalidHeader'
  | 'InvalidJson'
  | 'InvalidData'
  | 'LoopDetected'
  | 'TooManyEvents'
  | 'UnsupportedMediaType'
  | 'UnsupportedEncoding'

const titles: Readonly<Record<RefusalCode, string>> = {
  NotACloudEvent: 'Not a CloudEvent',
  MissingAttribute: 'A required attribute is missing',
  InvalidAttribute: 'An attribute is not valid',
  InvalidHeader: 'A header is not valid',
  InvalidJson: 'The body is not valid JSON',
  InvalidData: 'The data of the event is not valid',
  LoopDetected: 'The event runs in a loop',
  TooManyEvents: 'The batch has too many events',
  UnsupportedMediaType: 'Unsupported media type',
  UnsupportedEncoding: 'Unsupported content encoding',
}

/** A message that was read and refused: what is wrong and what to do, in a sentence for its sender. A value, never thrown. */
export class Refusal {
  readonly code: RefusalCode
  readonly detail: string
  /** The attribute in question, as CloudEvents name it. */
  readonly attribute?: string
  /** Which event of a batch, counted from 0. */
  readonly index?: number
  /** Names the events of the message, as far as they could be read; absent: what names them is in headers, or nowhere. */
  names?: () => readonly Named[]

  constructor(code: RefusalCode, detail: string, attribute?: string, index?: number) {
    this.code = code
    this.detail = detail
    if (attribute !== undefined) this.attribute = attribute
    if (index !== undefined) this.index = index
  }

  /** The same, said of one event of a batch. */
  ofEvent(index: number): Refusal {
    return new Refusal(this.code, `Event ${index} of the batch, counted from 0: ${this.detail}`, this.attribute, index)
  }

  /** The same, with the names of the events of the message. */
  naming(names: () => readonly Named[]): this {
    this.names = names
    return this
  }

  /** HTTP status: 415 when another media type or encoding would help, 413 when less would, else 400. */
  get status(): 400 | 413 | 415 {
    if (this.code === 'TooManyEvents') return 413
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
