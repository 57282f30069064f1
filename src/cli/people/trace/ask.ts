import type { Agent, IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import type { z } from 'zod'
import { FindLine, RememberedAnswer, StandingAnswer, type LogPlace } from '../../../contract/lineage.ts'
import { Fault } from '../../../core/fault.ts'
import { protocolOf } from '../../../kube/service-proxy.ts'

/** Somebody who remembers what became of events: a worker in a pod, or `millrace dev`. */
export interface Witness {
  readonly name: string
  readonly role: RememberedAnswer['role']
  /** What paths go below. */
  readonly base: string
  readonly agent?: Agent
  /** What each request carries. */
  headers(): Promise<Readonly<Record<string, string>>>
}

/** Where a record stands. */
export interface Spot {
  /** `clusterId` of its Kafka; absent: the one that the workers know. */
  readonly cluster?: string
  readonly place: LogPlace
}

/** What to look for in Kafka. */
export interface Search {
  readonly cluster?: string
  readonly topic: string
  readonly id: string
  readonly source?: string | undefined
  readonly since: number
  readonly until?: number
}

/** Without a byte for so long nobody waits on, milliseconds. */
const silenceMs = 20_000
/** Of an answer that is not what we expect, so much is shown. */
const mostShown = 300

type Query = Readonly<Record<string, string | number | undefined>>

/** What it remembers of events with this id. @throws Fault that says why it cannot be asked. */
export async function remembered(
  witness: Witness,
  query: { readonly id: string; readonly source?: string | undefined },
): Promise<RememberedAnswer> {
  return json(witness, '/lineage', query, RememberedAnswer)
}

/** Where a record stands at the Outlets whose partition it owns. @throws Fault as {@link remembered}. */
export async function standing(witness: Witness, { place, cluster }: Spot): Promise<StandingAnswer> {
  return json(witness, '/lineage/standing', { ...place, cluster }, StandingAnswer)
}

/** Looks into Kafka: a record, or all of an id. Lines as they come, the last is `done` or `failed`. @throws Fault as {@link remembered}. */
export async function* find(witness: Witness, what: Spot | Search): AsyncGenerator<FindLine, void, undefined> {
  const query = 'place' in what ? { ...what.place, cluster: what.cluster } : { ...what }
  const response = await open(witness, '/lineage/find', query)
  let ended = false
  try {
    for await (const line of createInterface({ input: response })) {
      if (line === '') continue
      const read = parsed(line, FindLine, witness)
      ended = read.kind === 'done' || read.kind === 'failed'
      yield read
    }
  } catch (error) {
    throw error instanceof Fault ? error : away(witness, error)
  }
  if (!ended) throw new Fault('ApiUnavailable', `${witness.name} broke off while it searched Kafka`)
}

async function json<T>(witness: Witness, path: string, query: Query, schema: z.ZodType<T>): Promise<T> {
  const response = await open(witness, path, query)
  const body = await text(response).catch((error: unknown) => Promise.reject(away(witness, error)))
  return parsed(body, schema, witness)
}

async function open(witness: Witness, path: string, query: Query): Promise<IncomingMessage> {
  const url = new URL(witness.base + path)
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value))
  }
  const { agent } = witness
  const headers = { ...(await witness.headers()), 'user-agent': 'millrace' }
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = protocolOf(url).request(url, { headers, ...(agent === undefined ? {} : { agent }) }, resolve)
    request.setTimeout(silenceMs, () => request.destroy(new Error(`no answer within ${silenceMs / 1000} s`)))
    request.once('error', reject)
    request.end()
  }).catch((error: unknown) => Promise.reject(away(witness, error)))
  if (response.statusCode === 200) return response
  const body = await text(response).catch(() => '')
  throw refused(witness, response.statusCode ?? 0, body)
}

function parsed<T>(body: string, schema: z.ZodType<T>, { name }: Witness): T {
  const read = schema.safeParse(parsedJson(body))
  if (read.success) return read.data
  const issue = read.error.issues[0]
  const at = issue === undefined || issue.path.length === 0 ? '' : ` (${issue.path.join('.')}: ${issue.message})`
  const advice = 'it is of another version: use the millrace of the same version as the workers'
  throw new Fault('ApiRefused', `${name} answers what this millrace does not understand${at}; ${advice}`)
}

function parsedJson(body: string): unknown {
  try {
    return JSON.parse(body) as unknown
  } catch {
    return undefined
  }
}

/** The API server says a Status, a worker a line. */
function refused({ name, role }: Witness, status: number, body: string): Fault {
  const said = parsedJson(body) as { readonly kind?: string; readonly message?: string } | null | undefined
  const details = { status }
  if (said?.kind === 'Status') {
    const words = `${name}: ${said.message ?? `the API server answers ${status}`}`
    const code = status === 401 || status === 403 ? 'ApiForbidden' : 'ApiUnavailable'
    return new Fault(code, words, { details })
  }
  if (status === 404 && role !== 'dev') {
    return new Fault('ApiNotFound', `${name} keeps no lineage: it is of an older version of Millrace`, { details })
  }
  const line = body.trim().slice(0, mostShown)
  return new Fault('ApiRefused', `${name} answers ${status}${line === '' ? '' : `: ${line}`}`, { details })
}

function away({ name }: Witness, cause: unknown): Fault {
  const { message, code } = cause as { message?: string; code?: string }
  return new Fault('ApiUnavailable', `${name} cannot be reached: ${message || (code ?? String(cause))}`, { cause })
}
