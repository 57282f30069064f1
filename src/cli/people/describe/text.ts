import { ago, columns } from '../output/columns.ts'
import type { Paint } from '../output/paint.ts'
import { plainLine } from '../output/plain-text.ts'
import { deliveryLines } from './deliveries.ts'
import type { Blocker, Description, ToldCondition } from './description.ts'

interface Style {
  readonly paint: Paint
  /** Milliseconds since 1970. */
  readonly now: number
}

/** A description for people. */
export function textOf(description: Description, style: Style): string {
  const { kind, namespace, name, verdict, blockedBy, notes } = description
  const { paint } = style
  const sections = [
    [paint.strong(`${kind} ${namespace}/${name}`), ...(verdict === '' ? [] : [coloured(description, style)])],
    section(
      'What blocks it',
      blockedBy.flatMap((each) => blockerLines(each, style)),
      style,
    ),
    section(
      'Worth knowing',
      notes.flatMap((each) => blockerLines(each, style)),
      style,
    ),
    section('Conditions', conditionLines(description, style), style),
    section('Deliveries', deliveryLines(description, style.now), style),
    section('What belongs to it', relatedLines(description), style),
    section('Events', eventLines(description, style), style),
  ]
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')
}

function coloured({ ready, verdict }: Description, { paint }: Style): string {
  if (ready === 'True') return paint.good(verdict)
  return ready === 'False' ? paint.bad(verdict) : paint.unsure(verdict)
}

function section(title: string, lines: readonly string[], { paint }: Style): readonly string[] {
  return lines.length === 0 ? [] : [paint.strong(title), ...lines.map((line) => `  ${line}`)]
}

function blockerLines({ condition, reason, message, advice }: Blocker, { paint }: Style): readonly string[] {
  const said = message === '' ? [] : [`  ${plainLine(message)}`]
  return [
    `${condition}: ${paint.unsure(reason)}`,
    ...said,
    ...(advice === '' ? [] : [`  ${paint.strong('To do:')} ${advice}`]),
  ]
}

function conditionLines({ conditions }: Description, style: Style): readonly string[] {
  const rows = columns(conditions.map((each) => [word(each), each.type, ago(each.since, style.now), each.meaning]))
  return rows.map((row, at) => paintedWord(row, conditions[at], style))
}

function word({ status }: ToldCondition): string {
  if (status === 'True') return 'yes'
  return status === 'False' ? 'no' : 'not yet'
}

function paintedWord(row: string, condition: ToldCondition | undefined, { paint }: Style): string {
  if (condition === undefined) return row
  const said = word(condition)
  const painted = said === 'yes' ? paint.good(said) : said === 'no' ? paint.bad(said) : paint.unsure(said)
  return `${painted}${row.slice(said.length)}`
}

function relatedLines({ related }: Description): readonly string[] {
  return columns(related.map(({ role, name, state }) => [role, plainLine(name), plainLine(state)]))
}

function eventLines({ events }: Description, { now }: Style): readonly string[] {
  return columns(
    events.map(({ type, reason, message, lastSeen, count }) => [
      `${ago(lastSeen, now)} ago`,
      count > 1 ? `${type} (${count} times)` : type,
      reason,
      plainLine(message),
    ]),
  )
}
