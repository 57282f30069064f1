import { execFile } from 'node:child_process'
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import type { Child } from '../support/child.ts'
import { cli } from '../support/cli.ts'
import { eventually } from '../support/eventually.ts'
import { kafkaBootstrap, uniqueName } from '../support/kafka.ts'
import { millraceDev, ownFolder, RoutesFile } from '../support/millrace.ts'
import { startRecorder } from '../support/recorder.ts'

const run = promisify(execFile)
const top = join(import.meta.dirname, '..', '..')
const hello = join(top, 'examples', 'hello')

/** `millrace dev` on free ports and a data folder of its own. */
function startDev(...args: readonly string[]): Child {
  return millraceDev(join(ownFolder(), 'data'), ...args)
}

/** Runs the curl line that dev prints, exactly as printed. */
async function pasteCurl(dev: Child): Promise<string> {
  const { stdout } = await run('sh', ['-c', `${await dev.line('  curl ')} -s`])
  return stdout
}

/** Events that the display's page would show, as they come. */
async function* shownBy(url: string): AsyncGenerator<{ to: string; attributes: Record<string, string>; data: string }> {
  const answer = await fetch(`${url}/events`)
  let rest = ''
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + chunk).split('\n\n')
    rest = parts.pop() ?? ''
    for (const part of parts) if (part.startsWith('data: ')) yield JSON.parse(part.slice('data: '.length))
  }
}

const urlIn = async (dev: Child, start: string) => /http:\S+/.exec(await dev.line(start))?.[0] ?? ''

test('hello: the pasted curl line gives 202 and the event is on the page and at the mapped Service', async () => {
  await using service = await startRecorder()
  await using dev = startDev('-f', hello, '--service', `my-service=${service.url}`)
  await dev.line('Trigger default/my-service-trigger Ready')
  await dev.line('Trigger default/greetings Ready')
  expect(await pasteCurl(dev)).toMatch(/^HTTP\/1.1 202 /)
  await eventually('the mapped Service has the event', () => service.counts.get('1') === 1)
  for await (const event of shownBy(await urlIn(dev, '  display'))) {
    expect(event).toMatchObject({
      to: '/default/greeter',
      attributes: { id: '1', type: 'com.example.greeting' },
      data: '{"hello":"world"}',
    })
    break
  }
  dev.signal('SIGINT')
  expect(await dev.exited).toBe(0)
})

test('a restart goes on exactly where it stopped: events that came meanwhile wait, none comes twice', async () => {
  const data = join(ownFolder(), 'data')
  await using service = await startRecorder()
  const start = () => millraceDev(data, '-f', hello, '--service', `my-service=${service.url}`)
  {
    await using dev = start()
    await dev.line('Trigger default/my-service-trigger Ready')
    expect(await pasteCurl(dev)).toContain(' 202 ')
    await eventually('the first event is delivered', () => service.deliveries.length === 1)
  }
  await using dev = start()
  await dev.line('Trigger default/my-service-trigger Ready')
  expect(await pasteCurl(dev)).toContain(' 202 ')
  await eventually('the second event is delivered', () => service.deliveries.length === 2)
  expect(service.deliveries.map(({ offset, partition }) => `${partition}/${offset}`)).toHaveLength(
    new Set(service.deliveries.map(({ offset, partition }) => `${partition}/${offset}`)).size,
  )
})

test('saving a manifest applies it; a broken one is explained with its place and the last good version stays in force', async () => {
  const folder = ownFolder()
  cpSync(hello, folder, { recursive: true })
  const file = join(folder, 'trigger-greetings.yaml')
  const good = readFileSync(file, 'utf8')
  const save = (text: string): void => {
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }
  await using greeter = await startRecorder()
  await using dev = startDev('-f', folder, '--service', `greeter=${greeter.url}`)
  await dev.line('Trigger default/greetings Ready')

  save(good.replace('attributes:', 'atributes:'))
  await dev.line(`${file}:9:5: Trigger default/greetings: spec.filter.atributes`)
  expect(await pasteCurl(dev)).toContain(' 202 ')
  await eventually('the last good version still delivers', () => greeter.deliveries.length === 1)

  // in place, as most editors do it
  writeFileSync(file, good.replaceAll('com.example.greeting', 'com.example.other'))
  const address = await urlIn(dev, 'Broker default/default Ready')
  await eventually('only the new type comes through', async () => {
    await fetch(address, {
      method: 'POST',
      headers: { 'ce-specversion': '1.0', 'ce-id': '2', 'ce-source': '/t', 'ce-type': 'com.example.other' },
    })
    return greeter.counts.has('2')
  })
  rmSync(file)
  await dev.line('Trigger default/greetings deleted')
})

test('mistakes of the start are one line, and end with 1, or 2 where the command is wrong', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await eventually('the port is taken', () => taken.listening)
  const { port } = taken.address() as { port: number }
  const data = join(ownFolder(), 'data')
  await using holder = millraceDev(data, '-f', hello)
  await holder.line('Millrace dev')
  const mistakes = [
    [1, ['-f', hello, '--port', String(port)], new RegExp(`port ${port} is in use`)],
    [1, ['-f', hello, '--data', data], /in use by another Millrace/],
    [1, ['-f', 'no-such-file.yaml'], /^error: no-such-file.yaml does not exist\n$/],
    [2, [], /--filename is missing/],
    [2, ['-f', hello, '--kafka', 'nonsense'], /--kafka must be HOST:PORT/],
    [2, ['-f', hello, '--service', 'x'], /--service .*NAME=URL/],
  ] as const
  for (const [code, args, message] of mistakes) {
    const always = (args as readonly string[]).includes('--data')
      ? ['--port', '0']
      : ['--data', join(ownFolder(), 'data')]
    const { status, stderr } = await cli(['dev', '--display-port', '0', ...always, ...args])
    expect({ status, stderr }).toEqual({ status: code, stderr: expect.stringMatching(message) })
  }
  taken.close()
})

test('mistakes of a worker are one line too, and end with 1, or 2 where the command is wrong', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await eventually('the port is taken', () => taken.listening)
  const { port } = taken.address() as { port: number }
  const routes = new RoutesFile({})
  const worker = ['--routes', routes.path, '--kafka', '127.0.0.1:9']
  const notRoutes = join(ownFolder(), 'routes.json')
  writeFileSync(notRoutes, '{"inlets": [{}]}')
  const mistakes = [
    [1, ['ingress', ...worker, '--port', String(port)], new RegExp(`port ${port} is in use`)],
    [1, ['ingress', '--routes', 'nowhere.json', '--kafka', '127.0.0.1:9'], /^error: nowhere.json does not exist\n$/],
    [
      2,
      ['dispatcher', '--routes', notRoutes, '--kafka', '127.0.0.1:9', '--instance', 'a'],
      /is not a file of Inlets and Outlets: .*uid/s,
    ],
  ] as const
  for (const [code, args, message] of mistakes) {
    const { status, stderr } = await cli(args)
    expect({ status, stderr }).toEqual({ status: code, stderr: expect.stringMatching(message) })
  }
  taken.close()
})

test('on a real Kafka: the same manifests, the same curl line', async () => {
  const namespace = uniqueName('dev')
  await using service = await startRecorder()
  await using dev = startDev(
    '-f',
    hello,
    '-n',
    namespace,
    '--kafka',
    kafkaBootstrap(),
    '--service',
    `my-service=${service.url}`,
  )
  await dev.line(`Trigger ${namespace}/my-service-trigger Ready`)
  expect(await pasteCurl(dev)).toContain(' 202 ')
  await eventually('the event is delivered', () => service.counts.get('1') === 1)
})

test('a Kafka that is away is said once; senders get 503, and the process stays up', async () => {
  await using dev = startDev('-f', hello, '--kafka', '127.0.0.1:9')
  await dev.line('Kafka at 127.0.0.1:9 cannot be used')
  const ingress = await urlIn(dev, '  ingress')
  const headers = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/t', 'ce-type': 't' }
  const answer = await fetch(`${ingress}/default/default`, { method: 'POST', headers })
  expect(answer.status).toBe(503)
  expect(answer.headers.get('retry-after')).not.toBeNull()
  expect(dev.lines.filter((line) => line.startsWith('Kafka at'))).toHaveLength(1)
  expect(dev.lines.filter((line) => line.includes('is not Ready'))).toEqual([])
  dev.signal('SIGTERM')
  expect(await dev.exited).toBe(0)
})
