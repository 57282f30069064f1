import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ownFolder } from '../support/millrace.ts'

const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

function cesql(args: readonly string[], input: string | Buffer = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'cesql', ...args], { input, encoding: 'utf8' })
  return { status, stderr, lines: stdout.split('\n').slice(0, -1) }
}

/** What comes out for these lines, parsed. */
function answers(...lines: readonly unknown[]): unknown[] {
  const input = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n')
  const { status, lines: out } = cesql([], input)
  expect(status).toBe(0)
  return out.map((line) => JSON.parse(line))
}

const event = { specversion: '1.0', id: '1', source: '/shop', type: 'order.created' }

describe('millrace cesql', () => {
  it('answers each line with a value and an error, in order', () => {
    expect(
      answers(
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

  it('tells each class of error, with the value that goes with it', () => {
    const expressions = ['id =', '1 % 0', `INT('a')`, 'MILL()', `LEFT('a', -1)`, 'subject', `'a' + 1`]
    const found = answers(...expressions.map((expression) => ({ expression, event })), { expression: [] })
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

  it('keeps the types of an event in JSON; its data is no attribute, null is nothing', () => {
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
    expect(answers(ask('urgent'), ask('count'), ask('big'), ask('EXISTS subject'), ask('EXISTS data'))).toEqual(
      [true, 3, '5000000000', false, false].map((value) => ({ value, error: null })),
    )
  })

  it('takes a line without an event for an event without attributes', () => {
    expect(answers({ expression: 'EXISTS tenant' }, { expression: '1 + 1', event: null })).toEqual([
      { value: false, error: null },
      { value: 2, error: null },
    ])
  })

  it('takes a boolean or a number for the expression that it is: so a table in YAML without quotes comes', () => {
    expect(answers('{"expression": true}', '{"expression": false}', '{"expression": -10}')).toEqual(
      [true, false, -10].map((value) => ({ value, error: null })),
    )
    expect(answers('{"expression": 1.5}')).toMatchObject([{ value: false, error: { class: 'parse' } }])
  })

  it.each([
    ['no JSON', '{"expression"', 'is no JSON object'],
    ['nothing', '', 'it is empty'],
    ['a list', '[1]', 'it is a list'],
    ['an expression that is none', '{"expression": ["id"]}', '"expression" is a list; expected e.g. {"expression":'],
    ['no expression', '{"event": {}}', '"expression" is missing; expected e.g. {"expression":'],
    ['an event that is text', '{"expression": "1", "event": "a"}', '"event" is a string'],
    ['an attribute with structure', '{"expression": "1", "event": {"a": {}}}', 'attribute a is an object'],
    ['a name that none can have', '{"expression": "1", "event": {"myExt": 1}}', '"myExt" is no name of an attribute'],
  ])('names a line that is not understood, and goes on: %s', (_, line, message) => {
    const [first, second, third] = answers('{"expression": "1"}', line, '{"expression": "2"}')
    expect(second).toEqual({ value: false, error: { class: 'generic', message: expect.stringMatching(/^line 2: /) } })
    expect(second).toMatchObject({ error: { message: expect.stringContaining(message) } })
    expect([first, third]).toEqual([1, 2].map((value) => ({ value, error: null })))
  })

  it('survives bytes that are no text', () => {
    const { status, lines } = cesql([], Buffer.from([0xff, 0xfe, 0x0a, ...Buffer.from('{"expression": "1"}')]))
    expect(status).toBe(0)
    expect(lines).toEqual([expect.stringContaining('it is not UTF-8'), '{"value":1,"error":null}'])
  })

  it('answers a line while the next is not written yet', async () => {
    const child = spawn(process.execPath, [main, 'cesql'], { stdio: ['pipe', 'pipe', 'inherit'] })
    onTestFinished(() => void child.kill())
    const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    for (const n of [1, 2, 3]) {
      child.stdin.write(`{"expression": "${n} + 1"}\n`)
      expect((await answers.next()).value).toBe(JSON.stringify({ value: n + 1, error: null }))
    }
    child.stdin.end()
    expect(await exitCode(child)).toBe(0)
  })

  it('ends well when nobody reads its answers any more', async () => {
    const child = spawn(process.execPath, [main, 'cesql'], { stdio: ['pipe', 'pipe', 'pipe'] })
    onTestFinished(() => void child.kill())
    // It may end before it has read everything.
    child.stdin.on('error', () => {})
    child.stdin.end('{"expression": "1"}\n'.repeat(200_000))
    child.stdout.once('data', () => child.stdout.destroy())
    expect(await exitCode(child)).toBe(0)
  })

  it('evaluates one expression on an event from a file or standard input, and gives notice of slips', () => {
    const file = join(ownFolder(), 'event.json')
    writeFileSync(file, JSON.stringify(event))
    expect(cesql(['--expression', 'type', '--event', file])).toEqual({
      status: 0,
      stderr: '',
      lines: ['{"value":"order.created","error":null}'],
    })
    expect(cesql(['--expression', 'id', '--event', '-'], JSON.stringify(event)).lines).toEqual([
      '{"value":"1","error":null}',
    ])
    expect(cesql(['--expression', `NOT TRUE = FALSE`])).toEqual({
      status: 0,
      stderr: expect.stringMatching(/^notice: character 10: NOT binds stronger than =/),
      lines: ['{"value":true,"error":null}'],
    })
  })

  it('ends with 1 when the event cannot be read', () => {
    expect(cesql(['--expression', '1', '--event', '/nowhere/event.json'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('/nowhere/event.json does not exist'),
    })
    expect(cesql(['--expression', '1', '--event', '-'], 'x')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('--event: - is no JSON object'),
    })
    expect(cesql(['--expression', '1', '--event', ownFolder()])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^error: --event: .* is a folder: name a file\n/),
    })
    expect(cesql(['--event', 'event.json'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('--event is of no use without --expression'),
    })
  })

  it('shows in --help what goes in and what comes out, and the examples are true', () => {
    const help = cesql(['--help']).lines
    const examples = help.flatMap((line, i) => {
      const input = /^ {2}echo '(.*)' \| millrace cesql$/.exec(line)?.[1]
      return input === undefined ? [] : [{ input, output: help[i + 1]?.trim() }]
    })
    expect(examples.length).toBeGreaterThan(1)
    expect(cesql([], examples.map(({ input }) => input).join('\n')).lines).toEqual(examples.map(({ output }) => output))
  })
})

const classOf = (answer: unknown) => {
  const { value, error } = answer as { value: unknown; error: { class: string } | null }
  return [value, error?.class]
}

async function exitCode(child: ChildProcess): Promise<unknown> {
  return child.exitCode ?? (await once(child, 'exit'))[0]
}
