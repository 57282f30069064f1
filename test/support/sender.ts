import { fileURLToPath } from 'node:url'
import { Agent, request } from 'undici'
import { startChild } from './child.ts'

/** What to send: events with the ids `from` … `from + count - 1`. */
export interface Sending {
  readonly url: string
  readonly count: number
  readonly from?: number
  /** Requests under way at once. */
  readonly callers?: number
  /** More attributes of the n-th event, by name. */
  readonly attributes?: (n: number) => Readonly<Record<string, string>>
  /** Called with each n when it was accepted. */
  readonly accepted?: (n: number) => void
}

/** Sends events as a careful producer does: each again until it is answered with 202. Returns how often one had to be sent again. */
export async function sendEvents(sending: Sending): Promise<number> {
  const agent = new Agent({ connections: sending.callers ?? 32 })
  const [from, end] = [sending.from ?? 0, (sending.from ?? 0) + sending.count]
  let next = from
  let again = 0
  const caller = async () => {
    while (next < end) {
      const n = next++
      while (!(await sendOne(sending, n, agent))) again += 1
      sending.accepted?.(n)
    }
  }
  await Promise.all(Array.from({ length: sending.callers ?? 32 }, caller))
  await agent.close()
  return again
}

async function sendOne(sending: Sending, n: number, dispatcher: Agent): Promise<boolean> {
  const attributes = {
    specversion: '1.0',
    id: String(n),
    source: '/test',
    type: 'com.example.test',
    ...sending.attributes?.(n),
  }
  const headers = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce-${name}`, value]))
  try {
    const answer = await request(sending.url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: `{"n":${n}}`,
      dispatcher,
    })
    await answer.body.dump()
    return answer.statusCode === 202
  } catch {
    return false
  }
}

/** What {@link sendFromOutside} did: how often an event had to be sent again, and how long it took, milliseconds. */
export interface Sent {
  readonly again: number
  readonly ms: number
}

/** The same from a process of its own, with the ids 0 … count - 1 and an extension `kind`: see load-sender.ts. */
export async function sendFromOutside(url: string, count: number, callers: number): Promise<Sent> {
  const file = fileURLToPath(new URL('load-sender.ts', import.meta.url))
  await using child = startChild(file, [url, String(count), String(callers)])
  return JSON.parse(await child.line('{')) as Sent
}
