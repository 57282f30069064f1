import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { cli, type CliResult } from '../support/cli.ts'
import { cliInside } from '../support/cli-inside.ts'
import { compileCache } from '../support/compile-cache.ts'
import { ownFolder } from '../support/millrace.ts'

const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

function start(stderr: 'inherit' | 'pipe') {
  const env = { ...process.env, ...compileCache }
  return spawn(process.execPath, [main, 'cesql'], { stdio: ['pipe', 'pipe', stderr], env })
}

/** One that answers all that is asked of it here, line after line. */
let asked: ChildProcess
let printed: AsyncIterator<string>
beforeAll(() => {
  asked = start('inherit')
  printed = createInterface({ input: asked.stdout! })[Symbol.asyncIterator]()
})
afterAll(() => void asked.kill())

/** What comes out for these lines. */
async function said(...lines: readonly (string | Buffer)[]): Promise<string[]> {
  const answers: string[] = []
  for (const line of lines) {
    asked.stdin!.write(Buffer.concat([Buffer.from(line), Buffer.from('\n')]))
    answers.push((await printed.next()).value)
  }
  return answers
}

/** The same, parsed. */
async function answers(...lines: readonly unknown[]): Promise<unknown[]> {
  const texts = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
  return (await said(...texts)).map((line) => JSON.parse(line))
}

const linesOf = ({ stdout }: CliResult): string[] => stdout.split('\n').slice(0, -1)

const event = { specversion: '1.0', id: '1', source: '/shop', type: 'order.created' }

describe('millrace cesql', () => {
  it('answers each line with a value and an error, in order', async () => {
    expect(
      await answers(
        { expression: `type = 'order.created'`, event },
        { expression: `LENGTH(type)`, event },
        { expression: 'UPPER(source)', event },
        { expression: '1 / 0' },
      ),
    ).toEqual([
      { value: true, error: null },
      { value: 13, error: null },
      { value: '/SHOP', error: null },
      { value: 0, error: { class: 'math', message: '1 / 0 divides by zero' } },
    ])
  })

  it('tells each class of error, with the value that goes with it', async () => {
    const expressions = ['id =', '1 % 0', `INT('a')`, 'MILL()', `LEFT('a', -1)`, 'subject', `'a' + 1`]
    const found = await answers(...expressions.map((expression) => ({ expression, event })), { expression: [] })
    expect(found.map((answer) => classOf(answer))).toEqual([
      [false, 'parse'],
      [0, 'math'],
      [0, 'cast'],
      [false, 'missingFunction'],
      ['a', 'functionEvaluation'],
      [false, 'missingAttribute'],
      [0, 'cast'],
      [false, 'generic'],
    ])
    expect(found[0]).toMatchObject({
      error: { position: 5, message: expect.stringContaining('character 5: expected a value') },
    })
  })

  it('keeps the types of an event in JSON; its data is no attribute, null is nothing', async () => {
    const typed = {
      ...event,
      urgent: true,
      count: 3,
      big: 5_000_000_000,
      subject: null,
      data: { a: 1 },
      data_base64: 'AA==',
    }
    const ask = (expression: string) => ({ expression, event: typed })
    expect(await answers(ask('urgent'), ask('count'), ask('big'), ask('EXISTS subject'), ask('EXISTS data'))).toEqual(
      [true, 3, '5000000000', false, false].map((value) => ({ value, error: null })),
    )
  })

  it('takes a line without an event for an event without attributes', async () => {
    expect(await answers({ expression: 'EXISTS tenant' }, { expression: '1 + 1', event: null })).toEqual([
      { value: false, error: null },
      { value: 2, error: null },
    ])
  })

  it('takes a boolean or a number for the expression that it is: so a table in YAML without quotes comes', async () => {
    expect(await answers('{"expression": true}', '{"expression": false}', '{"expression": -10}')).toEqual(
      [true, false, -10].map((value) => ({ value, error: null })),
    )
    expect(await answers('{"expression": 1.5}')).toMatchObject([{ value: false, error: { class: 'parse' } }])
  })

  it('names a line that is not understood, and goes on', async () => {
    const wrong = [
      ['{"expression"', 'is no JSON object'],
      ['', 'it is empty'],
      ['[1]', 'it is a list'],
      ['{"expression": ["id"]}', '"expression" is a list; expected e.g. {"expression":'],
      ['{"event": {}}', '"expression" is missing; expected e.g. {"expression":'],
      ['{"expression": "1", "event": "a"}', '"event" is a string'],
      ['{"expression": "1", "event": {"a": {}}}', 'attribute a is an object'],
      ['{"expression": "1", "event": {"myExt": 1}}', '"myExt" is no name of an attribute'],
    ] as const
    const input = wrong.flatMap(([line], n) => [line, `{"expression": "${n}"}`]).join('\n')
    const result = await cli(['cesql'], { input })
    expect(result.status).toBe(0)
    const found = linesOf(result).map((line) => JSON.parse(line))
    expect(found).toHaveLength(2 * wrong.length)
    for (const [n, [, message]] of wrong.entries()) {
      expect(found[2 * n]).toMatchObject({ value: false, error: { class: 'generic' } })
      expect(found[2 * n].error.message).toContain(message)
      expect(found[2 * n].error.message).toMatch(new RegExp(`^line ${2 * n + 1}: `))
      expect(found[2 * n + 1]).toEqual({ value: n, error: null })
    }
  })

  it('survives bytes that are no text', async () => {
    expect(await said(Buffer.from([0xff, 0xfe]), '{"expression": "1"}')).toEqual([
      expect.stringContaining('it is not UTF-8'),
      '{"value":1,"error":null}',
    ])
  })

  it('answers a line while the next is not written yet, and ends well at the end', async () => {
    for (const n of [1, 2, 3]) {
      expect(await said(`{"expression": "${n} + 1"}`)).toEqual([JSON.stringify({ value: n + 1, error: null })])
    }
    const child = start('inherit')
    onTestFinished(() => void child.kill())
    child.stdin!.end()
    expect(await exitCode(child)).toBe(0)
  })

  it('ends well when nobody reads its answers any more', async () => {
    const child = start('pipe')
    onTestFinished(() => void child.kill())
    // It may end before it has read everything.
    child.stdin!.on('error', () => {})
    child.stdin!.end('{"expression": "1"}\n'.repeat(200_000))
    child.stdout!.once('data', () => child.stdout!.destroy())
    expect(await exitCode(child)).toBe(0)
  })

  it('evaluates one expression on an event from a file or standard input, and gives notice of slips', async () => {
    const file = join(ownFolder(), 'event.json')
    writeFileSync(file, JSON.stringify(event))
    expect(await cliInside(['cesql', '--expression', 'type', '--event', file])).toEqual({
      status: 0,
      stderr: '',
      stdout: '{"value":"order.created","error":null}\n',
    })
    const { stdout } = await cli(['cesql', '--expression', 'id', '--event', '-'], { input: JSON.stringify(event) })
    expect(stdout).toBe('{"value":"1","error":null}\n')
    expect(await cliInside(['cesql', '--expression', `NOT TRUE = FALSE`])).toEqual({
      status: 0,
      stderr: expect.stringMatching(/^notice: character 10: NOT binds stronger than =/),
      stdout: '{"value":true,"error":null}\n',
    })
  })

  it('ends with 1 when the event cannot be read, with 2 when it is none', async () => {
    const one = ['cesql', '--expression', '1', '--event']
    expect(await cliInside([...one, '/nowhere/event.json'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('/nowhere/event.json does not exist'),
    })
    expect(await cli([...one, '-'], { input: 'x' })).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--event: - is no JSON object'),
    })
    expect(await cliInside([...one, ownFolder()])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^error: --event: .* is a folder: name a file\n/),
    })
    expect(await cliInside(['cesql', '--event', 'event.json'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--event is of no use without --expression'),
    })
  })

  it('shows in --help what goes in and what comes out, and the examples are true', async () => {
    const help = linesOf(await cliInside(['cesql', '--help']))
    const examples = help.flatMap((line, i) => {
      const input = /^ {2}echo '(.*)' \| millrace cesql$/.exec(line)?.[1]
      return input === undefined ? [] : [{ input, output: help[i + 1]?.trim() }]
    })
    expect(examples.length).toBeGreaterThan(1)
    expect(await said(...examples.map(({ input }) => input))).toEqual(examples.map(({ output }) => output))
  })
})

const classOf = (answer: unknown) => {
  const { value, error } = answer as { value: unknown; error: { class: string } | null }
  return [value, error?.class]
}

async function exitCode(child: ChildProcess): Promise<unknown> {
  return child.exitCode ?? (await once(child, 'exit'))[0]
}
