import {
  noHost,
  senderGone,
  methodNotAllowed,
  tooBusy,
  tooLarge,
  tooMuch,
  unexpected,
  type Problem,
} from '../../data-plane/ingress/problem.ts'
import { Refusal, type RefusalCode } from '../../data-plane/wire/refusal.ts'
import { faults, type FaultCode } from '../../core/fault.ts'
import { code, page, table, type Row } from './markdown.ts'

/** What a sender did, and what mends it. */
type Words = readonly [when: string, fix: string]

const refusals: Readonly<Record<RefusalCode, Words>> = {
  NotACloudEvent: [
    'There are no `ce-` headers, or plain JSON came as `application/cloudevents+json`.',
    'Take the `curl` line in `example` as a pattern.',
  ],
  MissingAttribute: ['A required attribute is missing or empty.', 'Add it; `attribute` names it.'],
  InvalidAttribute: ['An attribute, or the name of one, is not valid.', 'Correct what `attribute` names.'],
  InvalidHeader: ['The value of a header cannot be decoded.', 'Percent-encode it as UTF-8.'],
  InvalidJson: ['The body is no JSON.', 'Correct it; `detail` says where.'],
  InvalidData: [
    'The data does not go with its type, or its Base64 is broken.',
    'Correct the data, or `datacontenttype`.',
  ],
  LoopDetected: [
    'The event has passed as many Brokers as it may: `knativebrokerttl` is 1.',
    'Find what sends it round.',
  ],
  TooManyEvents: ['A batch has more than 5,000 events.', 'Send it in parts.'],
  UnsupportedMediaType: [
    'Another event format: Avro, Protobuf, XML, CBOR.',
    'Send JSON, or binary mode, which takes data of any type.',
  ],
  UnsupportedEncoding: ['The body is compressed.', 'Send it as it is.'],
}

const busy = tooBusy('')
/** Answers that are no refusal of an event. Those that are made on the spot in the code are written out here; a test looks that none is missing. */
const problems: readonly (readonly [Pick<Problem, 'status' | 'code' | 'title'>, ...Words])[] = [
  [
    noHost,
    'HTTP itself is broken, the request ended early, or it has no `Host`.',
    'Look at the client, or at a proxy before us.',
  ],
  [
    { status: 404, code: 'NotFound', title: 'Nothing takes events at this path' },
    'No Broker has this path.',
    '`kubectl get brokers -n NAMESPACE` shows the URLs.',
  ],
  [methodNotAllowed('', ''), 'Another method than `POST` and `OPTIONS`; `Allow` names them.', 'Send with `POST`.'],
  [
    { status: 408, code: 'RequestTimeout', title: 'The request took too long' },
    'The head was not complete after 10 s, or the request after 30 s.',
    'Send faster.',
  ],
  [
    tooLarge(0),
    'The body of an event is larger than 1,032,192 bytes, or the event than its topic takes; `limit` says how large it may be.',
    'Store the data elsewhere and send a reference.',
  ],
  [tooMuch(0, false), 'A batch is larger than `limit`.', 'Send it in parts.'],
  [
    { status: 413, code: 'ChunkExtensionsTooLarge', title: 'The chunk extensions are too large' },
    'Chunks of the body carry extensions of more than 16 KiB.',
    'Send chunks without extensions.',
  ],
  [unexpected, 'An `Expect` other than `100-continue`.', 'Send the request without it.'],
  [
    senderGone,
    'The sender closed the connection before the request was complete. It hears no answer; lineage and metrics name it so.',
    'Look at the timeout of the client.',
  ],
  [
    busy,
    'More bytes are under way than the ingress holds, or than Kafka takes.',
    'Send again after `Retry-After`. Operators: more replicas of the ingress, or a faster Kafka.',
  ],
  [
    { status: 431, code: 'HeadTooLarge', title: 'The headers are too large' },
    'All headers together are too large.',
    'Put long content into the data.',
  ],
  [
    { status: 500, code: 'Internal', title: 'Internal error' },
    'A defect of Millrace.',
    'The event may be stored. The log of the ingress has the error: report it.',
  ],
  [
    { status: 503, code: 'Unavailable', title: 'The event cannot be taken now' },
    'Kafka is away, has not answered in time, lacks the topic or does not let us in; or the ingress is ending. `detail` says which, and whether the event may be stored.',
    'Send again after `Retry-After`. Operators: `kubectl get broker` says why.',
  ],
]

/** Codes of answers of the ingress. */
export const problemCodes: readonly string[] = [...problems.map(([problem]) => problem.code), ...Object.keys(refusals)]

const faultWords: Readonly<Record<FaultCode, string>> = {
  LogUnavailable: 'Kafka (or the embedded log) cannot be reached, or a partition has no leader.',
  LogTimeout: 'Kafka did not answer in time. What was to be stored may be stored.',
  LogOverloaded: 'More bytes wait for Kafka than the bound allows.',
  TopicNotFound: 'The topic does not exist.',
  RecordTooLarge: 'A record is larger than its topic takes.',
  GroupInUse: 'A consumer group has members of someone else.',
  NotAuthorized: 'Kafka knows our user, and refuses the operation.',
  AuthenticationFailed: 'Kafka does not know the user, or password or certificate are wrong.',
  TlsFailed: 'No TLS connection could be made.',
  CredentialNotFound: 'What to sign in with is not there (yet).',
  Closed: 'The process is ending.',
  DataLocked: 'Another process uses this data folder.',
  DataFromNewerVersion: 'A newer version of Millrace wrote this data folder.',
  LogRefused: 'Kafka refused it for another reason; the message has its words.',
  ApiUnavailable: 'The API server of Kubernetes cannot be reached, or answers 5xx.',
  ApiThrottled: 'The API server asks to wait (429).',
  ApiConflict: 'The object changed meanwhile (409).',
  ApiNotFound: 'No such object, or no such kind (404).',
  ApiAlreadyExists: 'An object of this name is there already (409).',
  ApiForbidden: 'The account may not do this (401, 403).',
  ApiRefused: 'The API server refuses the request for what it is (400, 413, 422).',
  ApiGone: 'The version that was asked for is too old (410); a list is made anew.',
}

const deadLetter: readonly Row[] = [
  [
    '`knativeerrordest`',
    'where it failed: URL of the subscriber, or `kafka:<topic>` when its reply could not be stored',
  ],
  ['`knativeerrorcode`', 'status of the answer; absent when there was none'],
  ['`knativeerrordata`', 'the first 1,024 bytes of the body of the answer, Base64; absent when there was none'],
  ['`knativeerrorreason`', 'the same for people; Millrace alone says it'],
  ['`knativeerrortrigger`', 'the Trigger or KafkaSource, `<namespace>/<name>`; Millrace alone says it'],
  ['`<name>`', 'of each header `kne-<name>` of the answer'],
  ['`knativekafkatopic`, `knativekafkapartition`, `knativekafkaoffset`', 'of a parked event: where it came from'],
]

/** docs/reference/errors.md */
export function errorsPage(): string {
  return page(
    '# Error codes',
    '## Answers of the ingress',
    'The body is `application/problem+json` (RFC 9457) with `status`, `title`, `detail` for people, and `code`, which is stable and for programs; further members are named below. Only 202 means stored. [delivery.md](../delivery.md#events-on-their-way-in) tells more.',
    table(['answer', '`code`', 'title', 'when', 'what to do'], problemRows()),
    '## Attributes of events that were not delivered',
    'Dead letters and parked events carry them: [delivery.md](../delivery.md#dead-letters).',
    table(['attribute', 'value'], deadLetter),
    '## Codes of faults',
    'Logs name them as `code`. *retried*: the same may succeed later, and Millrace tries again.',
    table(
      ['`code`', 'what it means', 'retried'],
      Object.entries(faultWords).map(([name, means]) => [
        code(name),
        means,
        faults[name as FaultCode].retriable ? 'yes' : 'no',
      ]),
    ),
    'Exit codes of commands: [commands.md](commands.md#exit-codes). Reasons in `status`: [reasons.md](reasons.md).',
  )
}

function problemRows(): readonly Row[] {
  const refused = Object.entries(refusals).map(([name, [when, fix]]) => {
    const { status, title } = new Refusal(name as RefusalCode, '')
    return { status, row: [String(status), code(name), title, when, fix] }
  })
  const others = problems.map(([problem, when, fix]) => ({
    status: problem.status,
    row: [String(problem.status), code(problem.code), problem.title, when, fix],
  }))
  return [...refused, ...others].toSorted((a, b) => a.status - b.status).map(({ row }) => row)
}
