import { plainLine } from '../output/plain-text.ts'
import type { Report } from './report.ts'
import { askedLines, indented, silentLines, type Style } from './parts.ts'
import { timeWords } from './words.ts'

/** When it is not there: where was looked, how far back, what to try. */
export function missingText(report: Report, style: Style): string {
  const { paint } = style
  const { id, source } = report
  const what = plainLine(`${id}${source === undefined ? '' : ` of source ${source}`}`)
  const blocks = [
    [paint.bad(`No event ${what} was found in ${plainLine(report.where)}.`)],
    askedLines(report, style),
    searchedLines(report, style),
    silentLines(report, style),
    [paint.strong('What to try'), ...indented(triesOf(report))],
  ]
  return blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')
}

function searchedLines({ searched }: Report, { paint, now }: Style): readonly string[] {
  const lines = searched.map(({ topic, since, until, read, bounded, problem }) => {
    const span = `from ${timeWords(since, now)}${until === undefined ? ' on' : ` to ${timeWords(until, now)}`}`
    if (problem !== undefined) return plainLine(`${topic}: could not be searched: ${problem}`)
    return plainLine(
      `${topic}: ${span}, ${read} ${read === 1 ? 'record' : 'records'}${bounded ? '; it ended early, as there are too many' : ''}`,
    )
  })
  return lines.length === 0 ? [] : [paint.strong('What was searched in Kafka'), ...indented(lines)]
}

function triesOf({ source, searched, silent }: Report): readonly string[] {
  const none = searched.length === 0 ? ['Name a topic to search: --broker NAME -n NAMESPACE, or --topic NAME.'] : []
  const bounded = searched.some((each) => each.bounded)
  const narrower = bounded
    ? ['There was too much to read: say about when it was sent, --at TIME, and which Broker, --broker NAME.']
    : []
  return [
    ...none,
    ...narrower,
    'Was it earlier? --since 24h searches further back, --at TIME around a time.',
    'Does it stand elsewhere? -n NAMESPACE, --broker NAME or --topic NAME; another cluster: --context.',
    ...(source === undefined ? [] : ['Is that its source? Without --source the id alone counts.']),
    ...(silent.length === 0 ? [] : ['Ask again when all workers can be asked.']),
    'What did the sender get? An event without its 202 may not be stored: send it again.',
  ]
}
