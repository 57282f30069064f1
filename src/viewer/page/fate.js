import { quote } from './curl.js'
import { plural } from './text.js'

/**
 * A command for a shell that tells what became of an event.
 * @param {{ attributes: Record<string, string> }} event
 * @param {string | null} display of a `millrace dev` that remembers; null: whoever the command asks by itself
 */
export function traceOf({ attributes: { id, source } }, display) {
  const asked = [['--source', source], ...(display === null ? [] : [['--display', display]])]
  const options = asked.map(([name, value]) => `${name}=${word(value)}`)
  // Whatever the id is, it is no option.
  return ['npx millrace trace', ...options, '--', word(id)].join(' ')
}

/** Whoever pastes a command must not paste keys. */
function word(text = '') {
  const clean = text.replaceAll(/\p{Cc}/gu, '')
  return /^[\w@%+=:,./-]+$/.test(clean) ? clean : quote(clean)
}

/**
 * What became of an event, a line each: when it was accepted, and how it stands with each Trigger.
 * @param {{ attributes: Record<string, string> }} event
 * @returns {Promise<string[]>}
 */
export async function fateOf({ attributes: { id, source } }) {
  const { accepted = [], refused = [], places = [] } = await ask('lineage', { id, source })
  const lines = accepted.map(({ at, inlet }) => `${time(at)} accepted by ${nameOf(inlet)}`)
  for (const { at, status, detail } of refused) lines.push(`${time(at)} refused with ${status}: ${detail}`)
  const unique = new Map(
    [...accepted.map(({ place }) => place), ...places].map((each) => [Object.values(each).join(), each]),
  )
  for (const place of [...unique.values()].slice(0, mostPlaces)) {
    const { outlets, remembersFrom } = await ask('lineage/standing', place)
    const remembered = accepted.some(({ at }) => at >= remembersFrom)
    for (const { outlet, standing } of outlets)
      lines.push(`${nameOf(outlet.source)}: ${standingText(standing, remembered)}`)
  }
  return lines.length === 0 ? ['Nobody here remembers it.'] : lines
}

/** One id may have been sent more than once. */
const mostPlaces = 10

async function ask(path, query) {
  const answer = await fetch(`${path}?${new URLSearchParams(query)}`)
  if (!answer.ok) throw new Error((await answer.text()).trim() || String(answer.status))
  return answer.json()
}

const time = (at) => new Date(at).toISOString().slice(11, 23)
const nameOf = ({ kind, namespace, name }) => `${kind} ${namespace}/${name}`

/** @param remembered whether all that was done with it is: then silence means that there was nothing to do */
function standingText(standing, remembered) {
  switch (standing.kind) {
    case 'settled':
      return settledText(standing.settled)
    case 'pending':
      return `${standing.state}, after ${plural(standing.attempts, 'attempt')}${because(standing.failure)}`
    case 'ahead':
      return `not read yet, ${plural(standing.behind, 'event')} before it`
    case 'passed':
      return `not for it, says its filter${remembered ? '' : '; or it was finished longer ago than is remembered'}`
    default:
      return 'is only starting'
  }
}

const outcomes = { delivered: 'delivered', deadLettered: 'dead-lettered', parked: 'parked', dropped: 'dropped' }

function settledText({ at, outcome, attempts, status, tookMs, failure, takenBy, replies = [] }) {
  const answer = status === null ? '' : `, answered ${status}`
  const taken = takenBy === undefined ? '' : `, taken by ${takenBy}`
  const replied = replies.map(({ type, id }) => `, replied with ${type} (${id})`).join('')
  const how = `${outcomes[outcome] ?? outcome}${answer} after ${plural(attempts, 'attempt')}, ${Math.round(tookMs)} ms`
  return `${time(at)} ${how}${taken}${replied}${because(failure)}`
}

const because = (failure) => (failure === undefined ? '' : `; ${failure.destination}: ${failure.reason}`)
