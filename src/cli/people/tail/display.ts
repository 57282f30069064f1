import { Fault } from '../../../core/fault.ts'
import { pause } from '../../../kube/pause.ts'
import type { TailFlags, TailObject } from './flags.ts'
import { blocksOf } from './sse.ts'
import type { Sink } from './sink.ts'
import { pathsOf, type Topology } from './topology.ts'

/** What the display tells of an event, as far as we read it. */
interface Shown {
  /** Counts up within a run of the display. */
  readonly number: number
  readonly receivedAt: number
  readonly to: string
  readonly attributes: Readonly<Record<string, string>>
  readonly data: string | null
  readonly form: 'text' | 'base64'
  readonly bytes: number
}

interface Seen {
  /** Up to where: the display tells the rest when it is there again. */
  lastId: string
  /** An id comes after several events: when the stream breaks between them, these come again. */
  last: number
  /** Another run counts from 1 again. */
  run: string
  connected: boolean
}

/** Before a display that went away is asked again, milliseconds. */
const againMs = 1_000

/**
 * Events of the display of `millrace dev`, until stopped; when dev restarts it goes on.
 *
 *     GET /topology ─► paths of the subscribers of the Broker or Trigger ─┐
 *     GET /events   ─► events, those from before left out by their time ──┴─► sink
 */
export async function tailDisplay(flags: TailFlags, sink: Sink): Promise<void> {
  const base = flags.display.replace(/\/$/, '')
  const headers: Record<string, string> = flags.token === undefined ? {} : { authorization: `Bearer ${flags.token}` }
  const namespace = flags.namespace ?? 'default'
  const seen: Seen = { lastId: '', last: 0, run: '', connected: false }
  while (!sink.stop.aborted) {
    try {
      const response = await ask(`${base}/events`, { ...headers, 'last-event-id': seen.lastId }, sink.stop)
      const wanted =
        flags.object === null ? null : await pathsWanted(base, { headers, sink, object: flags.object, namespace })
      if (seen.connected) sink.note('The display is there again.')
      seen.connected = true
      await follow(response, wanted, seen, sink)
      if (!sink.stop.aborted) sink.note('The display ended the stream; waiting for it to come back.')
    } catch (error) {
      if (sink.stop.aborted) return
      if (!seen.connected || error instanceof Fault) throw away(error, base)
    }
    await pause(againMs, sink.stop)
  }
}

async function ask(url: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response> {
  const response = await fetch(url, { headers, signal })
  if (response.ok) return response
  const said = (await response.text()).trim().slice(0, 300)
  const hint = response.status === 401 ? ': say it with --token' : ''
  throw new Fault('ApiRefused', `${url} answers ${response.status}: ${said}${hint}`)
}

async function follow(response: Response, wanted: ReadonlySet<string> | null, seen: Seen, sink: Sink): Promise<void> {
  if (response.body === null) return
  for await (const { name, data, id } of blocksOf(response.body)) {
    seen.lastId = id ?? seen.lastId
    if (name === 'hello') begin(data, seen)
    if (name === 'missed') sink.note(missedIn(data))
    if (name !== '' || data === '') continue
    const shown = JSON.parse(data) as Shown
    const { number, receivedAt, to } = shown
    if (number <= seen.last) continue
    seen.last = number
    if (receivedAt < sink.from || (wanted !== null && !wanted.has(to))) continue
    const body = shown.data === null ? null : Buffer.from(shown.data, shown.form === 'text' ? 'utf8' : 'base64')
    const attributes = new Map(Object.entries(shown.attributes))
    if (!sink.take({ time: receivedAt, at: { to }, attributes, data: body, bytes: shown.bytes })) await sink.ready()
    if (sink.stop.aborted) return
  }
}

function begin(hello: string, seen: Seen): void {
  const { run } = JSON.parse(hello) as { readonly run: string }
  if (run !== seen.run) seen.last = 0
  seen.run = run
}

function missedIn(data: string): string {
  const { count } = JSON.parse(data) as { readonly count: number }
  return `${count} ${count === 1 ? 'event was' : 'events were'} let go by the display before they could be read here: it keeps the newest only.`
}

interface Wanted {
  readonly headers: Readonly<Record<string, string>>
  readonly sink: Sink
  readonly object: TailObject
  readonly namespace: string
}

/** Null: the display cannot tell, so all is shown. */
async function pathsWanted(
  base: string,
  { headers, sink, object, namespace }: Wanted,
): Promise<ReadonlySet<string> | null> {
  const name = `${object.kind} ${namespace}/${object.name}`
  const response = await fetch(`${base}/topology`, { headers, signal: sink.stop })
  const topology = response.ok ? ((await response.json()) as Topology | null) : null
  if (topology === null) {
    sink.note(`The display at ${base} does not know what belongs to ${name}: all that it sees is shown.`)
    return null
  }
  const found = pathsOf(topology, { ...object, namespace }, base)
  if (found === null) throw new Fault('ApiNotFound', `millrace dev has no ${name}; it has ${namesIn(topology)}`)
  for (const url of found.elsewhere) sink.note(`Not seen by the display: what ${name} delivers to ${url}.`)
  return found.paths
}

function namesIn({ nodes }: Topology): string {
  const ours = nodes.filter(({ kind }) => kind === 'Broker' || kind === 'Trigger')
  return ours.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`).join(', ') || 'none at all'
}

function away(error: unknown, base: string): unknown {
  if (error instanceof Fault) return error
  const advice = 'start millrace dev, name its display with --display, or read Kafka itself with --kafka HOST:PORT'
  return new Fault('ApiUnavailable', `nothing to listen to at ${base}: ${advice}`, { cause: error })
}
