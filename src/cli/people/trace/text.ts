import type { StoredReply } from '../../../contract/lineage.ts'
import { sourceName } from '../../../contract/source.ts'
import { columns } from '../output/columns.ts'
import { plainLine } from '../output/plain-text.ts'
import { missingText } from './missing.ts'
import { askedLines, indented, silentLines, troubleLines, type Lines, type Style } from './parts.ts'
import type { Report, Traced, TracedRefusal } from './report.ts'
import { repliesOf } from './tracer.ts'
import { timeWords, wordsOf } from './words.ts'

/** A report for people. */
export function textOf(report: Report, style: Style): string {
  if (!report.found) return missingText(report, style)
  const blocks = [
    ...report.events.map((event) => eventLines(event, style)),
    ...report.refused.map((refusal) => refusalLines(refusal, style)),
    omittedLines(report),
    style.wide ? askedLines(report, style) : troubleLines(report, style),
    silentLines(report, style),
  ]
  return blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')
}

function eventLines(event: Traced, style: Style): Lines {
  const { paint } = style
  return [
    paint.strong(headOf(event)),
    ...indented(columns(factsOf(event, style))),
    ...indented(
      event.problem === undefined
        ? []
        : [paint.unsure(`The record could not be looked at: ${plainLine(event.problem)}`)],
    ),
    '',
    paint.strong('What became of it'),
    ...indented([...deliveryLines(event, style), ...filterNote(event)]),
  ]
}

/** Once, however many did not let it through. */
function filterNote(event: Traced): Lines {
  return hasFiltered(event)
    ? ['(A filter is asked as it is now: if it was edited since the event came, it may have said something else then.)']
    : []
}

function hasFiltered({ deliveries }: Traced): boolean {
  return deliveries.some(({ fate, replies = [] }) => fate.kind === 'filtered' || replies.some(hasFiltered))
}

function headOf({ record, place }: Traced): string {
  const { id, type, source } = record?.attributes ?? {}
  if (id === undefined) return `Record ${place.partition}/${place.offset} of ${plainLine(place.topic)}`
  return `Event ${plainLine(id)}  ${plainLine(type ?? '')} of ${plainLine(source ?? '')}`
}

const inHead = new Set(['id', 'type', 'source', 'specversion'])

function factsOf(event: Traced, { now }: Style): readonly Lines[] {
  const { record, place, cluster } = event
  const where = `${place.topic}, partition ${place.partition}, offset ${place.offset}${cluster === undefined ? '' : `, at ${cluster.replace('|', ' as ')}`}`
  const facts: Lines[] = [acceptedFact(event, now), ['stands in', plainLine(where)]]
  if (record === null && event.problem === undefined) {
    facts.push(['record', 'no longer in Kafka, so that it has this id is known by a hash of it only'])
  }
  if (record === null) return facts
  const { attributes, dataBytes, problem, traceparent } = record
  if (attributes === null) facts.push(['record', plainLine(`is no event: ${problem ?? 'some other program wrote it'}`)])
  const others = Object.entries(attributes ?? {}).filter(([name]) => !inHead.has(name))
  facts.push(...others.map(([name, value]) => [plainLine(name), plainLine(value)]))
  if (traceparent !== undefined) facts.push(['traceparent', plainLine(traceparent)])
  return [...facts, ['data', dataBytes === 1 ? '1 byte' : `${dataBytes} bytes`]]
}

function acceptedFact({ accepted, record }: Traced, now: number): Lines {
  if (accepted !== undefined) {
    return [
      'accepted',
      plainLine(`${timeWords(accepted.at, now)} by ${sourceName(accepted.broker)}, in ${accepted.worker}`),
    ]
  }
  const arrival = Date.parse(record?.attributes?.['knativearrivaltime'] ?? '')
  if (!Number.isNaN(arrival)) return ['accepted', `${timeWords(arrival, now)}, as the event says itself`]
  return ['stored', record === null ? 'nobody remembers when' : timeWords(record.timestamp, now)]
}

function deliveryLines({ deliveries }: Traced, style: Style): Lines {
  const { paint, now, wide } = style
  if (deliveries.length === 0)
    return ['No Trigger and no KafkaSource reads this topic, of those that could be asked about.']
  return deliveries.flatMap((delivery) => {
    const { word, tone, lines, advice } = wordsOf(delivery, now)
    const { group, outlet, worker, subscriber, generation, also = [] } = delivery
    const more = [
      ...lines.map(plainLine),
      ...also.map(({ at, outcome }) => `Before that it was ${outcome} already, at ${timeWords(at, now)}.`),
      ...(wide
        ? [plainLine(`to ${subscriber}, group ${group}, Outlet ${outlet} (generation ${generation}), says ${worker}`)]
        : []),
    ]
    const to = advice === undefined ? [] : [`${paint.strong('To do:')} ${plainLine(advice)}`]
    return [
      `${plainLine(sourceName(delivery.of))}  ${paint[tone](word)}`,
      ...indented([...more, ...to, ...replyLines(delivery, style)]),
    ]
  })
}

/** Each reply; with --follow what became of it below. */
function replyLines(delivery: Traced['deliveries'][number], style: Style): Lines {
  const { replies: followed } = delivery
  const replies = repliesOf(delivery)
  return replies.flatMap((reply, at) => {
    const last = at === replies.length - 1
    const traced = followed?.find(({ place }) => isAt(place, reply.place))
    const below = traced === undefined ? hintsOf(reply, followed !== undefined) : deliveryLines(traced, style)
    return [`${last ? '└─' : '├─'} ${replyText(reply)}`, ...below.map((line) => `${last ? '   ' : '│  '}${line}`)]
  })
}

function replyText({ id, type, source, place }: StoredReply): string {
  return plainLine(`replied with ${id}, ${type} of ${source} (partition ${place.partition}, offset ${place.offset})`)
}

function hintsOf({ id, source }: StoredReply, follows: boolean): Lines {
  if (follows) return ['told above already']
  return [plainLine(`Its fate: millrace trace ${quoted(id)} --source ${quoted(source)}; of all replies: --follow`)]
}

/** For a shell. */
function quoted(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

function isAt(a: Traced['place'], b: Traced['place']): boolean {
  return a.topic === b.topic && a.partition === b.partition && a.offset === b.offset
}

function refusalLines(refusal: TracedRefusal, { paint, now }: Style): Lines {
  const { at, path, id, source, status, code, detail, advice, worker } = refusal
  return [
    `${paint.strong(plainLine(`Event ${id}${source === '' ? '' : `  of ${source}`}`))}  ${paint.bad('refused')}`,
    ...indented([
      plainLine(`at ${timeWords(at, now)} by ${worker}, sent to ${path}: it is not stored`),
      plainLine(`${status} ${code}: ${detail}`),
      ...(advice === '' ? [] : [`${paint.strong('To do:')} ${advice}`]),
    ]),
  ]
}

function omittedLines({ omitted }: Report): Lines {
  if (omitted === 0) return []
  return [`${omitted} more with this id, older ones, are left out: --source, --broker or -n narrow it.`]
}
