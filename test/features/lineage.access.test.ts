import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { kafkaBootstrap, uniqueTopic } from '../support/kafka.ts'
import { startIngressWithLineage } from '../support/lineage.ts'
import { inletOn, millrace, ownFolder, RoutesFile } from '../support/millrace.ts'
import { sendEvents } from '../support/sender.ts'
import { createTopic } from '../support/topics.ts'

/** What workers remember is told to those who may know it. */

const kafka = kafkaBootstrap()

async function open(...more: readonly string[]) {
  const topic = await createTopic(kafka, { name: uniqueTopic(), partitions: 1 })
  const folder = ownFolder()
  const ingress = await startIngressWithLineage({
    routes: new RoutesFile({ inlets: [inletOn(topic)] }),
    kafka,
    folder,
    more,
  })
  const ask = async (headers: Record<string, string>): Promise<string> => {
    const response = await fetch(`${ingress.lineage.base}/lineage?id=1`, { headers })
    return `${response.status} ${await response.text()}`
  }
  return { ingress, folder, ask, [Symbol.asyncDispose]: () => ingress[Symbol.asyncDispose]() }
}

test('with a token file whoever shows the token is answered, as soon as there is one, and as it is now', async () => {
  const file = join(ownFolder(), 'token')
  await using scene = await open('--lineage-token-file', file)
  const token = { 'x-millrace-token': 'right' }
  expect(await scene.ask(token)).toMatch(/^403 .*there is no token in .* yet/)
  writeFileSync(file, 'right\n')
  expect(await scene.ask(token)).toMatch(/^200 /)
  expect(await scene.ask({})).toMatch(/^403 .*x-millrace-token is missing/)
  expect(await scene.ask({ 'x-millrace-token': 'wrong' })).toMatch(/^403 .*is not the token/)
  expect(await scene.ask({ 'x-millrace-token': '' })).toMatch(/^403/)
  writeFileSync(file, 'new')
  expect(await scene.ask(token)).toMatch(/^403/)
  expect(await scene.ask({ 'x-millrace-token': 'new' })).toMatch(/^200 /)
  // an empty one is none
  writeFileSync(file, '\n')
  expect(await scene.ask({ 'x-millrace-token': '' })).toMatch(/^403/)
  expect((await fetch(`${scene.ingress.lineage.base}/metrics`)).status).toBe(200)
})

test('without one programs of this machine are answered, pages of others are not', async () => {
  await using scene = await open()
  expect(await scene.ask({})).toMatch(/^200 /)
  expect(await scene.ask({ origin: 'http://evil.example' })).toMatch(/^403/)
  expect(await scene.ask({ 'sec-fetch-site': 'cross-site' })).toMatch(/^403/)
})

test('without one nobody is answered who may come from outside', async () => {
  await using scene = await open('--host', '0.0.0.0')
  const base = scene.ingress.lineage.base.replace('0.0.0.0', '127.0.0.1')
  const response = await fetch(`${base}/lineage?id=1`)
  expect(`${response.status} ${await response.text()}`).toMatch(/^403 .*--lineage-token-file/)
})

test('where the folder cannot be used events are taken all the same, and the answer says what is wrong', async () => {
  const blocked = join(ownFolder(), 'file')
  writeFileSync(blocked, '')
  const topic = await createTopic(kafka, { name: uniqueTopic(), partitions: 1 })
  const routes = new RoutesFile({ inlets: [inletOn(topic)] })
  await using ingress = await startIngressWithLineage({ routes, kafka, folder: blocked })
  const again = await sendEvents({ url: ingress.url, count: 20 })
  const { accepted, trouble } = await ingress.lineage.remembered('1')
  expect(accepted).toEqual([])
  expect(trouble).toContain('cannot be written')
  const page = await (await ingress.lineage.get('/metrics')).text()
  // what was refused and sent again is noted too
  expect(page).toContain(`\nmillrace_lineage_lost_total ${20 + again}\n`)
})

test('switched off, nothing is written and whoever asks is told', async () => {
  const topic = await createTopic(kafka, { name: uniqueTopic(), partitions: 1 })
  const { path } = new RoutesFile({ inlets: [inletOn(topic)] })
  await using child = millrace('ingress', '--routes', path, '--kafka', kafka, '--port', '0', '--metrics-port', '0')
  const url = (await child.line('metrics ')).slice('metrics '.length).replace(/metrics$/, 'lineage?id=1')
  const response = await fetch(url)
  expect(`${response.status} ${await response.text()}`).toMatch(/^501 lineage is switched off/)
})

test('a folder without a port where it is asked for is a mistake that is told at the start', async () => {
  const folder = ownFolder()
  mkdirSync(folder, { recursive: true })
  const lineage = join(folder, 'lineage')
  const child = millrace('ingress', '--routes', 'r.json', '--kafka', kafka, '--port', '0', '--lineage', lineage)
  expect(await child.exited).not.toBe(0)
  expect(existsSync(lineage)).toBe(false)
  rmSync(folder, { recursive: true })
})
