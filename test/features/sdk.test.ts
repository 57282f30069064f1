import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { CloudEvent, HTTP } from 'cloudevents'
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { millraceDev, ownFolder } from '../support/millrace.ts'

const hello = join(import.meta.dirname, '..', '..', 'examples', 'hello')

/** A subscriber that reads what it gets with the CloudEvents SDK. */
async function sdkSubscriber() {
  const events: CloudEvent<unknown>[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      events.push(HTTP.toEvent({ headers: request.headers, body }) as CloudEvent<unknown>)
      response.writeHead(204).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    events,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

test('what the CloudEvents SDK sends, in both modes, arrives as it was when the SDK reads it', async () => {
  await using subscriber = await sdkSubscriber()
  const data = join(ownFolder(), 'data')
  await using dev = millraceDev(data, '-f', hello, '--service', `greeter=${subscriber.url}`)
  await dev.line('Trigger default/greetings Ready')
  const address = /http:\S+/.exec(await dev.line('Broker default/default Ready'))?.[0] ?? ''
  const sent = new CloudEvent(
    {
      id: 'a-1',
      source: '/sdk/javascript',
      type: 'com.example.greeting',
      subject: 'orders/4711',
      time: '2026-11-21T10:00:00.000Z',
      partitionkey: 'customer-7',
      data: { hello: 'wörld', list: [1, 2, 3], none: null },
    },
    false,
  )
  for (const message of [HTTP.binary(sent), HTTP.structured(sent.cloneWith({ id: 'a-2' }))]) {
    const headers = message.headers as Record<string, string>
    const answer = await fetch(address, { method: 'POST', headers, body: String(message.body) })
    expect(await answer.text()).toBe('')
    expect(answer.status).toBe(202)
  }
  await eventually('both arrive', () => subscriber.events.length === 2)
  const { type, source, subject, time, partitionkey, data: payload } = sent.toJSON()
  expect(new Set(subscriber.events.map((event) => event.id))).toEqual(new Set(['a-1', 'a-2']))
  for (const event of subscriber.events)
    expect(event.toJSON()).toMatchObject({ type, source, subject, time, partitionkey, data: payload })
})
