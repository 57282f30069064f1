import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Child } from '../support/child.ts'
import { eventually } from '../support/eventually.ts'
import { millraceDev, ownFolder } from '../support/millrace.ts'
import { startRecorder } from '../support/recorder.ts'

const example = join(import.meta.dirname, '..', '..', 'examples', 'binding')

const startDev = (...args: readonly string[]): Child => millraceDev(join(ownFolder(), 'data'), ...args)

/** The manifests of a folder, in which a program writes its environment and its pid down and then waits. */
function scene(spec = 'sink: {ref: {apiVersion: eventing.knative.dev/v1, kind: Broker, name: default}}') {
  const folder = join(ownFolder(), 'manifests')
  mkdirSync(folder)
  const seen = join(folder, 'seen.txt')
  const program = `const { K_SINK, PLAIN } = process.env; require('node:fs').appendFileSync(${JSON.stringify(seen)}, [process.pid, K_SINK, PLAIN].join(' ') + '\\n'); setInterval(() => {}, 1000)`
  writeFileSync(join(folder, 'program.cjs'), program)
  writeFileSync(
    join(folder, 'broker.yaml'),
    '{apiVersion: eventing.knative.dev/v1, kind: Broker, metadata: {name: default}}',
  )
  writeFileSync(
    join(folder, 'app.yaml'),
    `apiVersion: apps/v1
kind: Deployment
metadata: { name: app, annotations: { dev.millrace.dev/command: node program.cjs } }
spec: { template: { spec: { containers: [{ name: app, env: [{ name: PLAIN, value: text }] }] } } }
`,
  )
  const bind = (how: string, more = ''): void => {
    const file = join(folder, 'binding.yaml')
    writeFileSync(
      `${file}.new`,
      `apiVersion: sources.knative.dev/v1
kind: SinkBinding
metadata: { name: to-broker }
spec: { subject: { apiVersion: apps/v1, kind: Deployment, name: app }, ${how} }
${more}`,
    )
    renameSync(`${file}.new`, file)
  }
  bind(spec)
  const starts = async (count: number) =>
    eventually(`the program is started ${count} times`, () => {
      // What stands after the last end of line is still being written, or is nothing.
      const lines = readFileSync(seen, 'utf8').split('\n').slice(0, -1)
      return lines.length >= count ? lines.map((line) => line.split(' ')) : null
    })
  return { folder, bind, starts }
}

const lives = (pid: string | undefined): boolean => {
  try {
    return process.kill(Number(pid), 0)
  } catch {
    return false
  }
}

test('the example: the producer has K_SINK, and its orders come to the viewer', async () => {
  const headers: IncomingHttpHeaders[] = []
  await using viewer = await startRecorder((request) => {
    headers.push(request.headers)
    return { status: 200 }
  })
  await using dev = startDev('-f', example, '--service', `viewer=${viewer.url}`)
  expect(await dev.line('SinkBinding default/producer-to-broker Ready')).toMatch(
    /K_SINK=http:\S+\/default\/default for Deployment default\/producer$/,
  )
  expect(await dev.line('Deployment default/producer runs: ')).toMatch(/K_SINK=http:\S+ node producer.ts$/)
  expect(await dev.line('producer | order ')).toMatch(/^producer \| order \d+: (202|503)$/)
  const [order] = await eventually('an order is delivered', () => (headers.length > 0 ? headers : null))
  expect(order).toMatchObject({ 'ce-team': 'orders', 'ce-type': 'com.example.order' })
})

test('a program is started anew with another sink, and not for anything else; it ends with dev', async () => {
  const { folder, bind, starts } = scene()
  await using dev = startDev('-f', folder)
  const [first] = await starts(1)
  expect(first?.slice(1)).toEqual([expect.stringMatching(/^http:\S+\/default\/default$/), 'text'])
  const witness = '---\n{apiVersion: eventing.knative.dev/v1, kind: Broker, metadata: {name: witness}}\n'
  bind(`sink: {uri: ${first?.[1]}}`, witness)
  await dev.line('Broker default/witness Ready')
  bind('sink: {uri: "http://127.0.0.1:9/other"}')
  const all = await starts(2)
  expect(all).toHaveLength(2)
  expect(all[1]?.[1]).toBe('http://127.0.0.1:9/other')
  await eventually('the former one has ended', () => !lives(first?.[0]))
  dev.signal('SIGINT')
  expect(await dev.exited).toBe(0)
  await eventually('the program has ended', () => !lives(all[1]?.[0]))
})

test('a sink that is missing is told, and its program waits for it', async () => {
  const { folder, bind, starts } = scene('sink: {ref: {apiVersion: eventing.knative.dev/v1, kind: Broker, name: none}}')
  await using dev = startDev('-f', folder)
  expect(await dev.line('Deployment default/app is not run: ')).toContain('Broker default/none does not exist')
  bind('sink: {ref: {apiVersion: eventing.knative.dev/v1, kind: Broker, name: default}}')
  expect(await starts(1)).toHaveLength(1)
})
