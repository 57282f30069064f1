import type { Refused } from '../../../contract/lineage.ts'

/** What the sender does, by the code of the answer. What a code means stands in docs/delivery.md. */
const advices: Readonly<Record<string, string>> = {
  NotACloudEvent:
    'Send it with the headers ce-id, ce-source, ce-type and ce-specversion; or with millrace send, which does.',
  MissingAttribute: 'Add the attribute that the answer names, and send it again.',
  InvalidAttribute: 'Correct the attribute that the answer names, and send it again.',
  InvalidHeader: 'Correct the header that the answer names, and send it again.',
  InvalidJson: 'Correct the body: it must be JSON.',
  InvalidData: 'Correct the data, or datacontenttype: they do not go together.',
  LoopDetected:
    'It passed as many Brokers as it may: find what sends it round, most often a Trigger whose filter passes its own replies.',
  NotFound: 'Correct the URL: there is no Broker at this path. Those that there are: millrace get brokers -A',
  MethodNotAllowed: 'Send it with POST.',
  RequestTimeout: 'The request came too slowly: look at the network of the sender.',
  EventTooLarge: 'Store the data elsewhere and send a reference to it.',
  BatchTooLarge: 'Send the batch in parts.',
  TooManyEvents: 'Send the batch in parts.',
  UnsupportedMediaType: 'Send JSON, or binary mode, which takes data of any type.',
  UnsupportedEncoding: 'Send it without compression.',
  HeadTooLarge: 'Put long attributes into the data.',
  SenderGone: 'The sender hung up before its request was complete: look at its timeout.',
  Overloaded: 'Nothing was stored. Send it again later, as Retry-After says; when it goes on, let more ingresses run.',
  Unavailable: 'Send it again: source and id tell receivers if it is stored twice. When it goes on, look after Kafka.',
}

/** What to do about a refusal. */
export function refusalAdvice({ code, status }: Pick<Refused, 'code' | 'status'>): string {
  if (Object.hasOwn(advices, code)) return advices[code] ?? ''
  return status >= 500 || status === 429
    ? 'Send it again later.'
    : 'Correct the request as the answer says, and send it again.'
}
