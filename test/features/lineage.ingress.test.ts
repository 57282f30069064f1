import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { Fault } from '../../src/core/fault.ts'
import { ce, IngressRig } from '../support/ingress-rig.ts'
import { eventually } from '../support/eventually.ts'
import { LineageRecorder } from '../support/lineage-recorder.ts'

const path = '/shop/default'
const json = { 'content-type': 'application/cloudevents+json' }
const batch = { 'content-type': 'application/cloudevents-batch+json' }
const one = (id: string, more: object = {}): object => ({
  ...{ specversion: '1.0', id, source: '/shop', type: 'order' },
  ...more,
})

async function open(options: Parameters<typeof IngressRig.open>[0] = {}) {
  const lineage = new LineageRecorder()
  const rig = await IngressRig.open(options, { lineage })
  return { lineage, rig, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() }
}

/** A request whose body never comes to its end; the ingress has its head. */
async function half(port: number, id: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  const head = [`POST ${path} HTTP/1.1`, 'Host: x', 'Content-Length: 10', 'Expect: 100-continue']
  const attributes = ['ce-specversion: 1.0', 'ce-source: /s', 'ce-type: t', `ce-id: ${id}`]
  socket.write(`${[...head, ...attributes].join('\r\n')}\r\n\r\n12345`)
  await once(socket, 'data')
  return socket
}

describe('what the ingress remembers of an event', () => {
  it('that it took it, and where it stands, in whatever mode it came', async () => {
    await using scene = await open()
    const { rig, lineage } = scene
    await rig.send(path, { ...ce, 'ce-id': 'a%20b' })
    await rig.send(path, json, JSON.stringify(one('b')))
    await rig.send(`${path}/?x=1`, batch, JSON.stringify([one('c'), one('d')]))
    const told = lineage.taken.map(({ inlet, event, partition, offset }) => [inlet.path, event, partition, offset])
    expect(told).toEqual(['a b', 'b', 'c', 'd'].map((id, at) => [path, { id, source: '/shop' }, 0, BigInt(at)]))
    expect(lineage.refusals).toEqual([])
  })

  it.each<[string, string, Record<string, string>, string, object]>([
    [
      'at a path of nobody',
      '/shop/other?secret=1',
      ce,
      '',
      { path: '/shop/other', id: '1', source: '/shop', status: 404, code: 'NotFound' },
    ],
    [
      'of which nothing says who it is',
      path,
      {},
      'x',
      { path, id: '', source: '', status: 400, code: 'NotACloudEvent' },
    ],
    [
      'without a type',
      path,
      { ...ce, 'ce-type': '' },
      '',
      { id: '1', source: '/shop', status: 400, code: 'MissingAttribute' },
    ],
    [
      'whose id cannot be decoded',
      path,
      { ...ce, 'ce-id': '%zz' },
      '',
      { id: '%zz', source: '/shop', status: 400, code: 'InvalidAttribute' },
    ],
    [
      'in JSON, without a type',
      path,
      json,
      JSON.stringify({ ...one('j'), type: undefined }),
      { id: 'j', source: '/shop', status: 400, code: 'MissingAttribute' },
    ],
    [
      'in JSON that is none',
      path,
      { ...json, 'ce-id': 'h' },
      '{',
      { id: 'h', source: '', status: 400, code: 'InvalidJson' },
    ],
    [
      'that is too large',
      path,
      ce,
      'x'.repeat(2_000),
      { id: '1', source: '/shop', status: 413, code: 'EventTooLarge' },
    ],
    [
      'that is too large, as its end shows',
      path,
      { ...ce, 'transfer-encoding': 'chunked' },
      'x'.repeat(2_000),
      { id: '1', status: 413, code: 'EventTooLarge' },
    ],
    [
      'that went in a circle',
      path,
      { ...ce, 'ce-knativebrokerttl': '1' },
      '',
      { id: '1', status: 400, code: 'LoopDetected' },
    ],
    [
      'with names of any length',
      path,
      { ...ce, 'ce-type': '', 'ce-id': 'i'.repeat(300), 'ce-source': `/${'s'.repeat(300)}` },
      '',
      { id: 'i'.repeat(256), source: `/${'s'.repeat(255)}` },
    ],
  ])('that it refused one %s, once', async (_, at, headers, body, expected) => {
    await using scene = await open({ maxEventBytes: 1_000 })
    const answer = await scene.rig.send(at, headers, body)
    const { code, status, detail } = JSON.parse(answer.body)
    expect(scene.lineage.refusals).toEqual([expect.objectContaining({ code, status, detail, ...expected })])
    expect(scene.lineage.taken).toEqual([])
  })

  it('that it refused one by a method that takes none', async () => {
    await using scene = await open()
    await scene.rig.send(path, ce, '', 'PUT')
    await scene.rig.send(path, {}, '', 'GET')
    expect(scene.lineage.refusals).toMatchObject([{ id: '1', status: 405, code: 'MethodNotAllowed' }])
  })

  it.each([
    [new Fault('LogUnavailable', 'away'), 503, 'Unavailable'],
    [new Fault('LogOverloaded', 'full'), 429, 'Overloaded'],
    [new Error('a defect'), 500, 'Internal'],
  ])('that the log did not take it: %s', async (error, status, code) => {
    await using scene = await open()
    scene.rig.gate.breaks = () => error
    const answer = await scene.rig.send(path)
    expect(answer.status).toBe(status)
    expect(scene.lineage.refusals).toMatchObject([{ path, id: '1', source: '/shop', status, code }])
  })

  it('that there was no room for it', async () => {
    await using scene = await open({ maxBytesInFlight: 5_000 })
    await scene.rig.send(path, ce, 'x'.repeat(4_000))
    expect(scene.lineage.refusals).toMatchObject([{ id: '1', status: 429, code: 'Overloaded' }])
  })

  it('of a batch: which of its events are stored, and which are not', async () => {
    await using scene = await open()
    const { rig, lineage } = scene
    rig.gate.breaks = (n) => (n === 1 ? new Fault('LogTimeout', 'late') : null)
    expect((await rig.send(path, batch, JSON.stringify([one('a'), one('b'), one('c')]))).status).toBe(503)
    expect(lineage.taken.map(({ event, offset }) => [event.id, offset])).toEqual([
      ['a', 0n],
      ['c', 1n],
    ])
    expect(lineage.refusals).toMatchObject([{ id: 'b', source: '/shop', status: 503, code: 'Unavailable' }])
  })

  it('of a batch in which one is broken: that none was taken', async () => {
    await using scene = await open()
    const { rig, lineage } = scene
    await rig.send(path, batch, JSON.stringify([one('a'), one('b', { type: 1 }), 'nothing']))
    const said = { status: 400, code: 'InvalidAttribute', detail: expect.stringContaining('Event 1') }
    expect(lineage.refusals).toMatchObject([
      { id: 'a', ...said },
      { id: 'b', ...said },
      { id: '', ...said },
    ])
    await rig.send(path, batch, JSON.stringify([one('c'), one('d', { knativebrokerttl: '1' })]))
    expect(lineage.refusals.slice(3)).toMatchObject([
      { id: 'c', code: 'LoopDetected' },
      { id: 'd', code: 'LoopDetected' },
    ])
    expect(lineage.taken).toEqual([])
  })

  it('that its sender hung up before its end, or took too long', async () => {
    await using scene = await open()
    const { rig, lineage } = scene
    const [gone, ended] = await Promise.all(['gone', 'ended'].map((id) => half(rig.ingress.port, id)))
    gone?.resetAndDestroy()
    await eventually('that it is gone is told', () => lineage.refusals.length === 1)
    ended?.end()
    await eventually('that it ended is told', () => lineage.refusals.length === 2)
    expect(lineage.refusals).toMatchObject([
      { path, id: 'gone', source: '/s', status: 499, code: 'SenderGone' },
      { path, id: 'ended', source: '/s', status: 400, code: 'MalformedRequest' },
    ])
    await using strict = await open({ requestTimeoutMs: 400, headersTimeoutMs: 400 })
    const slow = await half(strict.rig.ingress.port, 'slow')
    slow.resume()
    await eventually('that it was slow is told', () => strict.lineage.refusals.length === 1)
    expect(strict.lineage.refusals).toMatchObject([
      { path, id: 'slow', source: '/s', status: 408, code: 'RequestTimeout' },
    ])
  })
})
