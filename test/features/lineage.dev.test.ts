import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { LineageClient } from '../support/lineage.ts'
import { millrace, ownFolder } from '../support/millrace.ts'

/** `millrace dev` remembers in its data folder, and tells it on the port of its display. */

const manifests = `
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: { name: default }
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: { name: orders }
spec:
  broker: default
  filter: { attributes: { type: order } }
  subscriber: { ref: { apiVersion: v1, kind: Service, name: desk } }
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: { name: returns }
spec:
  broker: default
  filter: { attributes: { type: return } }
  subscriber: { ref: { apiVersion: v1, kind: Service, name: desk } }
`

async function startDev(folder: string) {
  const ports = ['--port', '0', '--display-port', '0', '--metrics-port', 'off', '--data', join(folder, 'data')]
  const dev = millrace('dev', ...ports, '-f', join(folder, 'app.yaml'))
  const urlIn = async (start: string) => /http:\S+/.exec(await dev.line(start))?.[0] ?? ''
  const ingress = await urlIn('  ingress')
  const lineage = new LineageClient(await urlIn('  display'))
  // what is sent before is not theirs
  await Promise.all(['orders', 'returns'].map((name) => dev.line(`Trigger default/${name} Ready`)))
  const send = (id: string, type: string): Promise<Response> => {
    const headers = { 'ce-specversion': '1.0', 'ce-id': id, 'ce-source': '/dev', 'ce-type': type }
    return fetch(`${ingress}/default/default`, { method: 'POST', headers, body: 'secret' })
  }
  return { dev, lineage, send }
}

test('an event is followed from the ingress to each Trigger, also after dev was killed and began again', async () => {
  const folder = ownFolder()
  writeFileSync(join(folder, 'app.yaml'), manifests)
  const first = await startDev(folder)
  await using _first = first.dev
  const id = 'Bestellung "7"\u{1f600}/ä'
  await eventually('it is taken', async () => (await first.send(encodeURIComponent(id), 'order')).status === 202)
  expect((await first.send('8', '')).status).toBe(400)
  const { accepted, role } = await first.lineage.remembered(id, '/dev')
  expect(role).toBe('dev')
  const place = accepted[0]?.place
  if (place === undefined) throw new Error('it was not accepted')
  const standings = async ({ lineage }: typeof first) => {
    const { outlets } = await lineage.standing(place)
    return Object.fromEntries(outlets.map(({ outlet, standing }) => [outlet.source.name, standing]))
  }
  const ended = await eventually('it is delivered', async () => {
    const known = await standings(first)
    return known['orders']?.kind === 'settled' && known['returns']?.kind === 'passed' && known
  })
  expect(ended['orders']).toMatchObject({ settled: { outcome: 'delivered', attempts: 1, status: 200 } })
  const [record] = await first.lineage.found({ ...place })
  expect(record?.attributes).toMatchObject({ id, source: '/dev', type: 'order' })
  const searched = await first.lineage.find({ topic: place.topic, id, since: Date.now() - 60_000 })
  expect(searched).toContainEqual({ kind: 'found', record })
  expect(JSON.stringify(searched)).not.toContain('secret')
  expect((await first.lineage.remembered('8')).refused).toMatchObject([{ path: '/default/default', status: 400 }])
  expect(
    (await fetch(`${first.lineage.base}/lineage?id=8`, { headers: { origin: 'http://evil.example' } })).status,
  ).toBe(403)
  first.dev.signal('SIGKILL')
  await first.dev.exited

  const second = await startDev(folder)
  await using _second = second.dev
  expect((await second.lineage.remembered(id)).accepted).toEqual(accepted)
  const again = await eventually('it has begun again', async () => {
    const known = await standings(second)
    return known['orders']?.kind === 'settled' && known['returns']?.kind === 'passed' && known
  })
  // the last positions may not have been stored, so it may have been delivered once more
  expect(again['orders']).toMatchObject({ settled: { outcome: 'delivered', attempts: 1, status: 200 } })
  expect((await second.lineage.remembered(id)).places).toEqual([place])
  expect((await second.lineage.remembered('8')).refused).toMatchObject([{ path: '/default/default', status: 400 }])
})
