import type { IncomingMessage } from 'node:http'
import type { Inlet } from '../../contract/inlet.ts'
import type { IngressLineage, Named } from '../../contract/lineage.ts'
import type { CloudEvent } from '../../event/cloud-event.ts'
import type { Appended } from '../../kafka/log.ts'
import type { Spans } from '../../telemetry/spans.ts'
import { cut, nameOf } from '../event-name.ts'
import { decodeHeaderValue } from '../wire/header-value.ts'
import type { Problem } from './problem.ts'
import { RequestSpans } from './request-spans.ts'
import { pathOf } from './routes.ts'

/** What the sender was told, or would have been. */
type Told = Pick<Problem, 'status' | 'code' | 'detail'>

/** Says what becomes of requests to who remembers it and to who follows it. There is one only where someone does. */
export class Witnesses {
  readonly lineage: IngressLineage | null
  readonly spans: Spans | null

  constructor(lineage: IngressLineage | null, spans: Spans | null) {
    this.lineage = lineage
    this.spans = spans
  }

  /** A request begins that will be read. */
  of(req: IncomingMessage, inlet: Inlet): Witness {
    return new Witness(this, req, inlet)
  }

  /** A request was refused unread. @param inlet null: there is none at its path. */
  refused(req: IncomingMessage, inlet: Inlet | null, problem: Told): void {
    new Witness(this, req, inlet).answered(problem)
  }
}

/**
 * Witness of one request: each of its events is told once.
 *
 *     reads ─► append, one for each event ─► stored, or unstored ─► answered: what is not stored was refused
 */
export class Witness {
  readonly #lineage: IngressLineage | null
  readonly #spans: RequestSpans | null
  readonly #req: IncomingMessage
  readonly #inlet: Inlet | null
  /** Null: nothing was read; null in place of one: it is stored, and told. */
  #events: (Named | null)[] | null = null

  constructor({ lineage, spans }: Witnesses, req: IncomingMessage, inlet: Inlet | null) {
    this.#lineage = lineage
    this.#req = req
    this.#inlet = inlet
    this.#spans = spans === null ? null : new RequestSpans(spans, req, this.#path, inlet)
  }

  reads(event: CloudEvent): void {
    if (this.#lineage !== null) this.#events = [nameOf(event.attributes)]
    this.#spans?.reads([event], false)
  }

  readsBatch(events: readonly CloudEvent[]): void {
    if (this.#lineage !== null) this.#events = events.map(({ attributes }) => nameOf(attributes))
    this.#spans?.reads(events, true)
  }

  /** What was refused while it was read, as far as that could be. */
  readsNames(names: readonly Named[]): void {
    this.#events ??= [...names]
  }

  /** @returns the event as it is to be stored. In the order of the events. */
  append(event: CloudEvent): CloudEvent {
    return this.#spans === null || this.#inlet === null ? event : this.#spans.append(event, this.#inlet)
  }

  stored(index: number, appended: Appended): void {
    this.#spans?.stored(index, appended)
    const event = this.#events?.[index]
    if (this.#lineage === null || this.#inlet === null || event == null) return
    this.#lineage.accepted(this.#inlet, event, appended.partition, appended.offset)
    if (this.#events !== null) this.#events[index] = null
  }

  unstored(index: number, error: unknown): void {
    this.#spans?.unstored(index, error instanceof Error ? error.message : String(error))
  }

  /** Once. @param problem null: all of it is stored. */
  answered(problem: Told | null): void {
    this.#spans?.answered(problem)
    if (problem === null || this.#lineage === null) return
    const { status, code, detail } = problem
    const refused = (this.#events ?? [namedBy(this.#req)]).filter((event) => event !== null)
    if (refused.length > 0) this.#lineage.refused(cut(this.#path), refused, { status, code, detail })
  }

  get #path(): string {
    return this.#inlet?.path ?? pathOf(this.#req.url ?? '/')
  }
}

/** What its headers say of the event in a request. */
function namedBy({ headers }: IncomingMessage): Named {
  const of = (name: string): string => {
    const raw = String(headers[name] ?? '')
    return cut(decodeHeaderValue(raw) ?? raw)
  }
  return { id: of('ce-id'), source: of('ce-source') }
}

/** Whether a request that is no POST, or no good HTTP, was to send an event all the same. */
export function meantAnEvent({ method, headers }: IncomingMessage): boolean {
  return method === 'POST' || headers['ce-id'] !== undefined
}
