import type { TraceContext } from '../../../telemetry/spans.ts'
import { isNamed } from '../../wire/overrides.ts'
import { writeHeaders, writeTrace } from '../../wire/http-out.ts'
import { writeStructured } from '../../wire/structured-out.ts'
import type { Entry } from '../reading/segment.ts'
import { failedEvent, type Failure } from './failure.ts'
import type { JsonBodies } from './json-bodies.ts'
import type { Endpoint, Prepared } from './prepared.ts'
import type { Post } from './send.ts'

/**
 * The request that carries an event.
 *
 *     event ─► why it failed, to a dead letter sink ─► where it stands in the log ─► what the Outlet sets ─► headers, or JSON
 *
 * @param failure null: to the subscriber. @param trace in place of that of the event; null: that. @returns null for a record that is no event.
 */
export function requestFor(
  entry: Entry,
  to: Endpoint,
  prepared: Prepared,
  failure: Failure | null,
  jsonBodies: JsonBodies,
  trace: TraceContext | null,
): Post | null {
  if (entry.event === null) return null
  const told = failure === null ? entry.event : failedEvent(entry.event, failure.attributes)
  const event = trace === null ? told : { attributes: told.attributes, data: told.data, trace }
  const added = addedTo(entry, prepared.overrides)
  const { timeoutMs } = prepared.policy
  const headers = prepared.headers.slice()
  if (!prepared.json)
    return { path: to.path, headers: writeHeaders(event, added, headers), body: event.data, timeoutMs }
  const shared = failure === null && prepared.overrides.length === 0
  const body = shared ? jsonBodies.body(entry, added) : writeStructured(event, added)
  return { path: to.path, headers: writeTrace(event, headers), body, timeoutMs }
}

function addedTo({ at, offset }: Entry, overrides: readonly string[]): readonly string[] {
  const place = ['knativekafkapartition', String(at.partition), 'knativekafkaoffset', String(offset)]
  if (overrides.length === 0) return place
  const added = overrides.slice()
  for (let i = 0; i < place.length; i += 2) {
    const [name = '', value = ''] = place.slice(i, i + 2)
    if (!isNamed(name, overrides)) added.push(name, value)
  }
  return added
}
