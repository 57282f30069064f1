import type { Clock } from '../../../core/clock.ts'
import type { Paint } from '../output/paint.ts'
import { plainJson, plainLine, plainText } from '../output/plain-text.ts'
import { isAccepted, type Answer, type Outcome } from './post.ts'
import type { Target } from './target.ts'

/** Counts what became of many requests. */
export class Tally {
  done = 0
  failed = 0
  /** Events of requests that were accepted. */
  events = 0
  retries = 0
  readonly #total: number
  readonly #clock: Clock
  readonly #begun: number

  constructor(total: number, clock: Clock) {
    this.#total = total
    this.#clock = clock
    this.#begun = clock.monotonic()
  }

  add({ answer, attempts, message }: Outcome): void {
    this.done += 1
    this.retries += attempts - 1
    if (isAccepted(answer)) this.events += message.ids.length
    else this.failed += 1
  }

  get seconds(): number {
    return (this.#clock.monotonic() - this.#begun) / 1000
  }

  /** How far it is, in a line. */
  line(): string {
    const share = Math.floor((this.done / this.#total) * 100)
    const bar = '█'.repeat(Math.floor(share / 5)).padEnd(20, '░')
    const failed = this.failed === 0 ? '' : `, ${this.failed} not accepted`
    return `${bar} ${share} % ${this.done}/${this.#total}, ${Math.round(this.done / this.seconds)}/s${failed}`
  }
}

export function summary({ events, failed, done, retries, seconds }: Tally, { name }: Target): string {
  const again = retries === 0 ? '' : `, ${retries} tried again`
  const rate = seconds > 0 ? `, ${Math.round(done / seconds)} requests/s` : ''
  return `${events} ${events === 1 ? 'event' : 'events'} accepted, ${failed} ${failed === 1 ? 'request' : 'requests'} not${again}, in ${seconds.toFixed(1)} s${rate}: ${name}`
}

/** One request, for people: the answer, and what it was about. */
export function textOf({ message, answer, attempts }: Outcome, target: Target, paint: Paint): string {
  const { ids } = message
  const what = ids.length === 1 ? `event ${plainText(ids[0] ?? '')}` : `${ids.length} events`
  const tries = attempts === 1 ? '' : ` after ${attempts} attempts`
  if (answer.kind === 'none') return `${paint.bad('error:')} ${what} was not sent${tries}: ${plainLine(answer.why)}`
  const head = plainLine(`${answer.status} ${answer.statusText}`)
  const line = `${isAccepted(answer) ? paint.good(head) : paint.bad(head)}  ${what} to ${target.name}${tries}`
  const reply = replyOf(answer)
  return [line, ...(reply === '' ? [] : [reply]), ...adviceOf(answer, target)].join('\n')
}

/** One request, for machines. */
export function jsonLine({ message, answer, attempts }: Outcome, target: Target): string {
  const about = { ids: message.ids, url: target.url.href, attempts }
  if (answer.kind === 'none') return plainJson({ ...about, accepted: false, error: answer.why })
  const reply = answer.body.length === 0 ? {} : { body: answer.body.toString('utf8') }
  return plainJson({ ...about, accepted: isAccepted(answer), status: answer.status, ...reply })
}

type Answered = Extract<Answer, { kind: 'answer' }>

interface Problem {
  readonly detail?: unknown
  readonly message?: unknown
}

/** What stands in a reply: of a problem (RFC 9457) or a Status of an API server the sentence, else the whole body with the type of an event. */
function replyOf({ status, body, headers }: Answered): string {
  const text = body.toString('utf8').trim()
  if (status < 400) {
    const type = headers['ce-type']
    const event = typeof type === 'string' ? `reply: event of type ${plainText(type)}\n` : ''
    return text === '' ? event.trimEnd() : `${event}${plainText(text)}`
  }
  const { detail, message } = parsed(text)
  const sentence = detail ?? message
  return plainText(typeof sentence === 'string' ? sentence : text)
}

function parsed(text: string): Problem {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

/** What to do when it was the API server that did not let the event through. */
function adviceOf({ status, headers, body }: Answered, { through, url }: Target): readonly string[] {
  const ofApiServer =
    through !== undefined && body.includes('"kind":"Status"') && headers['content-type']?.includes('json') === true
  if (!ofApiServer) return []
  const path = url.pathname.slice(url.pathname.indexOf('/proxy/') + '/proxy'.length)
  const forward = `kubectl port-forward -n ${through.namespace} service/${through.service} 8081:${through.port}`
  const instead = `Go another way: ${forward}\nand then: millrace send --url http://127.0.0.1:8081${path} …`
  if (status === 403) return [`You may not use services/proxy in namespace ${through.namespace}.`, instead]
  return status === 503 ? [`Is the ingress running? kubectl get pods -n ${through.namespace}`] : [instead]
}
