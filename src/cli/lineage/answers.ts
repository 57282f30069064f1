import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FindLine, OutletStanding, RememberedAnswer, StandingAnswer } from '../../contract/lineage.ts'
import type { Clock } from '../../core/clock.ts'
import { inTime } from '../../core/deadline.ts'
import { Fault } from '../../core/fault.ts'
import type { LogAdmin, LogReader } from '../../kafka/log.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { refusal, type LineageAccess } from './access.ts'
import { askedFind, askedId, askedPlace, BadQuestion, type AskedPlace } from './asked.ts'
import { findById, findPlace, usualBounds, type FindBounds } from './find.ts'
import { json, jsonWithList, plain, unkept } from './respond.ts'
import type { Ground, Territory } from './territory.ts'
import { TooMany, Turns } from './turns.ts'
import type { WorkerLineage } from './worker-lineage.ts'

/** A Kafka, opened to look for records. */
export interface OpenedKafka {
  readonly reader: LogReader
  readonly admin: Pick<LogAdmin, 'describeTopics'>
  close(): Promise<void>
}

export interface LineageAnswersParts {
  readonly worker: string
  readonly role: RememberedAnswer['role']
  readonly lineage: WorkerLineage
  readonly territory: Territory
  readonly access: LineageAccess
  /** Connections of its own: what is looked for must not hold up what is delivered. */
  readonly open: (ground: Ground) => OpenedKafka
  /** Where a record stands at Outlets, as far as its partition is ours. Of an ingress: nowhere. */
  standings(asked: AskedPlace): readonly OutletStanding[]
  readonly clock: Clock
  readonly logger: Logger
  readonly bounds?: Partial<FindBounds>
}

/** So many wait while Kafka is searched for another one. */
const mostFinds = 4
/** So many wait while memory is looked through, or one record is read, for another one. */
const mostRecalls = 32
/** Who waits for lines hears something so often, milliseconds: proxies and people take silence for the end. */
const beatMs = 5_000

/**
 * What a worker knows of events, over HTTP (contract/lineage.ts).
 *
 *     GET /lineage?id=…         journal
 *     GET /lineage/standing?…   dispatcher ─► passed? ─► journal; and what it ended before another took the partition over
 *     GET /lineage/find?…       Kafka, one search at a time, as lines
 *
 * Refusals are one line of text. Never the data of events.
 */
export class LineageAnswers {
  readonly #parts: LineageAnswersParts
  readonly #recalls = new Turns(mostRecalls)
  readonly #looks = new Turns(mostRecalls)
  readonly #finds = new Turns(mostFinds)

  constructor(parts: LineageAnswersParts) {
    this.#parts = parts
  }

  /** Answers each request, with 404 where there is nothing. Never throws, nor rejects. */
  async answer(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    try {
      await this.#answer(request, response, url, gone.signal)
    } catch (error) {
      if (gone.signal.aborted) return
      if (error instanceof BadQuestion) return plain(response, 400, error.message)
      if (error instanceof TooMany) return plain(response, 503, 'too many ask already: ask again in some seconds')
      this.#parts.logger.error({ err: error }, 'lineage could not be told')
      if (response.headersSent) response.destroy()
      else plain(response, 500, 'the log says why')
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse, url: URL, signal: AbortSignal): Promise<void> {
    const refused = await refusal(request, this.#parts.access)
    if (refused !== null) return plain(response, 403, refused)
    if (request.method !== 'GET' && request.method !== 'HEAD') return plain(response, 405, 'GET tells lineage')
    switch (url.pathname) {
      case '/lineage':
        return json(response, await this.#recalls.run(signal, () => this.#remembered(url, signal)))
      case '/lineage/standing': {
        // who reads slowly keeps nobody waiting
        const { outlets, ...head } = await this.#recalls.run(signal, () => this.#standing(url, signal))
        return jsonWithList(response, head, ['outlets', outlets], signal)
      }
      case '/lineage/find':
        return this.#find(response, url, signal)
      default:
        plain(response, 404, 'GET /lineage, /lineage/standing or /lineage/find')
    }
  }

  async #remembered(url: URL, signal: AbortSignal): Promise<RememberedAnswer> {
    const { id, source } = askedId(url)
    const { worker, role, lineage } = this.#parts
    const { from, trouble, accepted, refused, places } = await lineage.ofId(id, source, signal)
    const told = { accepted: [...accepted], refused: [...refused], places: [...places] }
    return { worker, role, remembersFrom: from, ...(trouble === undefined ? {} : { trouble }), ...told }
  }

  async #standing(url: URL, signal: AbortSignal): Promise<StandingAnswer> {
    const asked = askedPlace(url)
    const { worker, lineage, territory } = this.#parts
    // asked first: what ends in between is remembered then
    const now = this.#parts.standings(asked)
    const { from, trouble, settled } = await lineage.ofPlace(asked.place, signal)
    const outlets = now.map((one): OutletStanding => {
      const end = one.standing.kind === 'passed' ? settled.get(one.outlet.uid) : undefined
      return end === undefined ? one : { ...one, standing: { kind: 'settled', settled: end } }
    })
    const told = new Set(now.map(({ outlet }) => outlet.uid))
    // what was ended here, and whose partition another one has taken over since
    for (const [uid, outlet] of territory.readers(asked.place.topic, asked.cluster)) {
      const end = told.has(uid) ? undefined : settled.get(uid)
      if (end !== undefined) outlets.push({ outlet, standing: { kind: 'settled', settled: end } })
    }
    return { worker, remembersFrom: from, ...(trouble === undefined ? {} : { trouble }), outlets }
  }

  async #find(response: ServerResponse, url: URL, signal: AbortSignal): Promise<void> {
    const { territory, open, clock } = this.#parts
    const asked = askedFind(url)
    const topic = 'place' in asked ? asked.place.topic : asked.topic
    const ground = territory.ground(topic, asked.cluster)
    if (ground === null) throw new BadQuestion(`no Inlet or Outlet that this worker knows names topic ${topic} there`)
    const lines = new Lines(response)
    const turns = 'place' in asked ? this.#looks : this.#finds
    const turn = turns.run(signal, async () => {
      const kafka = open(ground)
      const bounds = { ...usualBounds, ...this.#parts.bounds }
      const parts = { ...kafka, conversion: ground.conversion, clock, bounds, signal, say: lines.say }
      try {
        // while Kafka is away a read goes on for long: who went away does not keep the next one waiting for it
        await inTime('place' in asked ? findPlace(asked.place, parts) : findById(asked, parts), { signal })
      } finally {
        await kafka.close()
      }
    })
    try {
      await turn
    } catch (error) {
      if (signal.aborted || !(error instanceof Fault)) throw error
      lines.say({ kind: 'failed', code: error.code, message: error.message })
    } finally {
      lines.close()
    }
    response.end()
  }
}

/** Lines of a find, and the last progress again while there is none. */
class Lines {
  readonly #response: ServerResponse
  readonly #beat: NodeJS.Timeout
  #progress: FindLine = { kind: 'progress', read: 0, of: 0 }

  constructor(response: ServerResponse) {
    this.#response = response
    this.#beat = setInterval(() => this.#write(this.#progress), beatMs)
  }

  readonly say = (line: FindLine): void => {
    if (line.kind === 'progress') this.#progress = line
    this.#write(line)
  }

  close(): void {
    clearInterval(this.#beat)
  }

  #write(line: FindLine): void {
    if (this.#response.destroyed) return
    if (!this.#response.headersSent)
      this.#response.writeHead(200, { ...unkept, 'content-type': 'application/x-ndjson' })
    this.#response.write(`${JSON.stringify(line)}\n`)
  }
}
