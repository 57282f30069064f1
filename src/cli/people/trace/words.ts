import type { Settled, Standing } from '../../../contract/lineage.ts'
import { never } from '../../../core/never.ts'
import { ago } from '../output/columns.ts'
import type { Paint } from '../output/paint.ts'
import type { Delivery, Fate } from './fate.ts'

/** A fate, for people. */
interface Words {
  /** In a word or two. */
  readonly word: string
  readonly tone: keyof Paint
  /** What else is known. */
  readonly lines: readonly string[]
  readonly advice?: string
}

type Of<K extends Fate['kind']> = Extract<Fate, { kind: K }>
type Pending = Extract<Standing, { kind: 'pending' }>

const replay = 'Mend what failed, then send it again: "Parked events" in docs/delivery.md.'

/** @param now milliseconds since 1970 */
export function wordsOf(delivery: Delivery, now: number): Words {
  const { fate } = delivery
  switch (fate.kind) {
    case 'delivered':
      return { word: 'delivered', tone: 'good', lines: takenLines(fate.settled, delivery) }
    case 'replied':
      return { word: 'delivered, and replied', tone: 'good', lines: takenLines(fate.settled, delivery) }
    case 'deadLettered':
      return {
        word: 'dead-lettered',
        tone: 'unsure',
        lines: [`to ${endOf(fate.settled, 'its dead letter sink')}`, ...why(fate.settled)],
      }
    case 'parked': {
      const topic = fate.settled.takenBy?.replace(/^kafka:/, 'topic ')
      return {
        word: 'parked',
        tone: 'bad',
        lines: [
          `in ${endOf({ ...fate.settled, ...(topic === undefined ? {} : { takenBy: topic }) }, 'a topic of its own')}`,
          ...why(fate.settled),
        ],
        advice: replay,
      }
    }
    case 'dropped':
      return dropped(fate.settled)
    case 'foundParked':
      return foundParked(fate, now)
    case 'filtered':
      return filtered(fate)
    case 'asking':
    case 'retrying':
    case 'held':
      return underWay(fate, now)
    case 'paused':
    case 'waiting':
    case 'starting':
    case 'later':
      return notYet(fate, now)
    case 'unknown':
      return unknown
    case 'forgotten':
      return forgotten(fate, delivery, now)
    default:
      return never(fate)
  }
}

const unknown: Words = {
  word: 'not known',
  tone: 'unsure',
  lines: ['no dispatcher that could be asked has this partition'],
  advice: 'See who has it: millrace get workers -A -o wide; some seconds after a change of owners ask again.',
}

/** `2026-11-22T09:30:00.000Z (5m ago)`. */
export function timeWords(at: number, now: number): string {
  const time = new Date(at).toISOString()
  return at > now ? `${time} (in ${ago(new Date(now).toISOString(), at)})` : `${time} (${ago(time, now)} ago)`
}

function takenLines(settled: Settled, { subscriber }: Delivery): readonly string[] {
  const answer = settled.status === null ? 'took it' : `answered ${settled.status}`
  const before = settled.attempts > 1 ? why(settled, 'The last failure before') : []
  return [`${subscriber} ${answer} at ${new Date(settled.at).toISOString()}, ${effort(settled)}`, ...before]
}

function effort({ attempts, tookMs }: Settled): string {
  const tries = attempts <= 1 ? 'at the first attempt' : `after ${attempts} attempts`
  return `${tries}, in ${duration(tookMs)}`
}

function endOf(settled: Settled, fallback: string): string {
  return `${settled.takenBy ?? fallback} at ${new Date(settled.at).toISOString()}, ${effort(settled)}`
}

function why({ failure, status }: Pick<Settled, 'failure' | 'status'>, title = 'Why'): readonly string[] {
  if (failure !== undefined) return [`${title}: ${failure.destination}: ${failure.reason}`]
  return status === null ? [] : [`${title}: the last answer was ${status}`]
}

function dropped(settled: Settled): Words {
  const at = `at ${new Date(settled.at).toISOString()}, ${effort(settled)}`
  const advice = 'To have such events kept take away the annotation eventing.millrace.dev/onExhausted: Drop.'
  return { word: 'dropped', tone: 'bad', lines: [at, ...why(settled)], advice }
}

function foundParked({ copy: { place, timestamp, attributes } }: Of<'foundParked'>, now: number): Words {
  const { knativeerrordest: where, knativeerrorreason: reason, knativeerrorcode: code } = attributes ?? {}
  const said = reason ?? (code === undefined ? undefined : `the answer was ${code}`)
  return {
    word: 'parked',
    tone: 'bad',
    lines: [
      `in topic ${place.topic}, partition ${place.partition}, offset ${place.offset}, at ${timeWords(timestamp, now)}`,
      ...(where === undefined ? [] : [`Why: ${where}${said === undefined ? '' : `: ${said}`}`]),
    ],
    advice: replay,
  }
}

function filtered({ reasons }: Of<'filtered'>): Words {
  const lines = reasons.map(({ path, fact }) => `${path}: ${fact}`)
  return { word: 'not passed by its filter', tone: 'quiet', lines }
}

const asked: Readonly<Record<Pending['phase'], string>> = {
  subscriber: 'its subscriber',
  deadLetter: 'its dead letter sink',
  exhausted: 'the place for what nobody takes',
}

function underWay({ kind, pending }: Of<'asking' | 'retrying' | 'held'>, now: number): Words {
  const { attempts, phase, nextAt, failure } = pending
  const tries = `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'} so far`
  const last = failure === undefined ? [] : [`The last failure: ${failure.destination}: ${failure.reason}`]
  if (kind === 'asking')
    return { word: 'being delivered', tone: 'unsure', lines: [`to ${asked[phase]} now, ${tries}`, ...last] }
  if (kind === 'held') {
    return { word: 'waits', tone: 'unsure', lines: ['for an event before it, as its order of delivery asks', ...last] }
  }
  const next = nextAt === undefined ? '' : `; the next one at ${timeWords(nextAt, now)}, to ${asked[phase]}`
  return { word: 'retried', tone: 'unsure', lines: [`${tries}${next}`, ...last] }
}

function notYet(fate: Of<'paused' | 'waiting' | 'starting' | 'later'>, now: number): Words {
  switch (fate.kind) {
    case 'paused':
      return {
        word: 'paused',
        tone: 'unsure',
        lines: [`nothing is delivered now, on purpose; it waits${behind(fate.behind)}`],
      }
    case 'waiting': {
      const will = fate.passes === false ? ['Its filter, as it is now, will not let it through.'] : []
      return { word: `waits${behind(fate.behind)}`, tone: 'unsure', lines: will }
    }
    case 'starting':
      return {
        word: 'starting',
        tone: 'unsure',
        lines: ['it has no position in this partition yet: a dispatcher is taking it up'],
      }
    case 'later':
      return {
        word: 'began later',
        tone: 'quiet',
        lines: [`at ${timeWords(fate.startedAt, now)}: what came before is not for it`],
      }
    default:
      return never(fate)
  }
}

function behind(count: number): string {
  return count === 0 ? '' : ` behind ${count} ${count === 1 ? 'other' : 'others'}`
}

function forgotten({ remembersFrom, passes }: Of<'forgotten'>, delivery: Delivery, now: number): Words {
  const { worker, generation, parkingTopic } = delivery
  const could =
    passes === null
      ? 'it was filtered, delivered, dead-lettered or dropped'
      : 'it was delivered, dead-lettered or dropped'
  const parked = parkingTopic === undefined ? '' : `; no copy of it is in ${parkingTopic}`
  const filter = passes === null ? '' : ` Its filter as it is now (generation ${generation}) lets it through.`
  return {
    word: 'finished, no longer remembered',
    tone: 'unsure',
    lines: [
      `${could}${parked}.${filter}`,
      `The memory of ${worker ?? 'the dispatcher'}, which has this partition, reaches back to ${timeWords(remembersFrom, now)}.`,
    ],
    advice: 'Ask the subscriber, or its dead letter sink: each delivery carries source and id.',
  }
}

/** `12 ms`, `3.4 s`, `5m`. */
function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  return ms < 120_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`
}
