import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cli, type CliResult } from '../support/cli.ts'
import { cliInside } from '../support/cli-inside.ts'
import { ownFolder } from '../support/millrace.ts'

const folder = ownFolder()
/** With an `input` it is a process, with a standard input of its own. */
const millrace = (args: readonly string[], input?: string): Promise<CliResult> =>
  input === undefined ? cliInside(['match', ...args]) : cli(['match', ...args], { input })

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const trigger = (name: string, spec: string): string => `apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: ${name}}
spec:
  broker: default
  subscriber: {uri: http://a/}
${spec}
---
`
const event = (id: string, type: string, more: object = {}): string =>
  JSON.stringify({ specversion: '1.0', id, source: '/shop', type, ...more })

const orders = file('orders.yaml', trigger('orders', '  filters: [{prefix: {type: order.}}]'))
const bills = file(
  'bills.yaml',
  trigger(
    'bills',
    "  filters:\n  - exact: {source: /shop}\n  - any: [{prefix: {type: invoice.}}, {not: {cesql: 'EXISTS type'}}]",
  ),
)
const created = file('created.json', event('1', 'order.created'))

describe('millrace match', () => {
  it('says what passes and what decided, and ends with 0', async () => {
    expect(await millrace(['-f', orders, '-e', created])).toEqual({
      status: 0,
      stdout: 'Trigger default/orders: passes: filters[0].prefix.type: "order.created" begins with "order."\n',
      stderr: '',
    })
  })

  it('says for each Trigger what does not pass and why, and ends with 1', async () => {
    const { status, stdout } = await millrace(['-f', orders, '-f', bills, '-e', created, '-n', 'shop'])
    expect(status).toBe(1)
    expect(stdout.split('\n')).toEqual([
      'Trigger shop/orders: passes: filters[0].prefix.type: "order.created" begins with "order."',
      'Trigger shop/bills: does not pass:',
      '  filters[1].any[0].prefix.type: "order.created" does not begin with "invoice."',
      '  filters[1].any[1].not.cesql: is true',
      '',
    ])
  })

  it('speaks of filter where it counts, and says so where it does not', async () => {
    const legacy = file('legacy.yaml', trigger('legacy', "  filter: {attributes: {subject: ''}}"))
    expect((await millrace(['-f', legacy, '-e', created])).stdout).toBe(
      'Trigger default/legacy: does not pass: filter.attributes.subject: the event has no such attribute\n',
    )
    const both = file(
      'both.yaml',
      trigger('both', '  filter: {attributes: {type: a}}\n  filters: [{suffix: {type: d}}]'),
    )
    const { status, stderr } = await millrace(['-f', both, '-e', created])
    expect(status).toBe(0)
    expect(stderr).toMatch(/^notice: .*both\.yaml:7:11: .*spec\.filter: is ignored beside spec\.filters/)
    const open = file('open.yaml', trigger('open', ''))
    expect((await millrace(['-f', open, '-e', created])).stdout).toBe(
      'Trigger default/open: passes: no filter, every event passes\n',
    )
  })

  it.each([
    ['lines', `${event('1', 'order.created')}\n\n${event('2', 'bill.paid')}\n`, ['stdin:1', 'stdin:3']],
    ['a batch', `[${event('1', 'order.created')},\n${event('2', 'bill.paid')}]`, ['stdin[0]', 'stdin[1]']],
  ])('takes several events, as %s, and answers in JSON', async (_, input, [first, second]) => {
    const { status, stdout } = await millrace(['-f', orders, '-e', '-', '-o', 'json'], input)
    expect(status).toBe(1)
    const lines = stdout.trim().split('\n')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        trigger: { namespace: 'default', name: 'orders' },
        event: { id: '1', source: '/shop', place: first },
        passes: true,
        reasons: [{ path: 'filters[0].prefix.type', fact: '"order.created" begins with "order."' }],
      },
      expect.objectContaining({ event: { id: '2', source: '/shop', place: second }, passes: false }),
    ])
    expect((await millrace(['-f', orders, '-e', '-'], input)).stdout).toContain(
      `${second}: Trigger default/orders: does not pass`,
    )
  })

  it('takes an event that is spread over lines', async () => {
    const pretty = JSON.stringify(JSON.parse(event('1', 'order.x', { data: [1] })), null, 2)
    expect((await millrace(['-f', orders, '-e', '-'], pretty)).status).toBe(0)
  })

  it('takes files as Windows writes them: with a byte order mark, and lines that end with two characters', async () => {
    const manifest = file(
      'windows.yaml',
      `\uFEFF${trigger('orders', '  filters: [{prefix: {type: order.}}]')}`.replaceAll('\n', '\r\n'),
    )
    const events = `\uFEFF${event('1', 'order.created')}\r\n\r\n${event('2', 'order.paid')}\r\n`
    expect(await millrace(['-f', manifest, '-e', '-'], events)).toMatchObject({ status: 0, stderr: '' })
    expect(
      (await millrace(['-f', manifest, '-e', file('windows.json', `\uFEFF${event('1', 'order.x')}`)])).status,
    ).toBe(0)
  })

  it('says what is no UTF-8, and what is a folder', async () => {
    const utf16 = join(folder, 'utf16.json')
    writeFileSync(utf16, `\uFEFF${event('1', 'a')}`, 'utf16le')
    expect(await millrace(['-f', orders, '-e', utf16])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('it is not UTF-8'),
    })
    expect(await millrace(['-f', utf16, '-e', created])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('save it as UTF-8'),
    })
    expect(await millrace(['-f', orders, '-e', folder])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^error: --event: .* is a folder: name a file\n/),
    })
  })

  it.each([
    ['an event without a source', event('1', 'a').replace('source', 'sauce'), /created\.json: .*source/, orders],
    ['no JSON', 'type: a', /created\.json: is not JSON: /, orders],
    ['no event', '[]', /there is no event in/, orders],
    [
      'a manifest with a mistake',
      event('1', 'a'),
      /did you mean prefix\?/,
      file('bad.yaml', trigger('a', '  filters: [{prefx: {}}]')),
    ],
    [
      'a manifest without a Trigger',
      event('1', 'a'),
      /there is no Trigger in/,
      file('none.yaml', 'kind: Service\napiVersion: v1\nmetadata: {name: a}\n'),
    ],
    ['a file that is not there', event('1', 'a'), /nowhere\.yaml does not exist/, join(folder, 'nowhere.yaml')],
  ])('ends with 2 and says why: %s', async (_, content, says, manifest) => {
    const path = file('wrong-created.json', content)
    const { status, stdout, stderr } = await millrace(['-f', manifest, '-e', path])
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(says)
  })

  it('ends with 2 when the command is wrong, and shows examples in --help', async () => {
    expect(await millrace([])).toMatchObject({ status: 2, stderr: expect.stringContaining('--event is missing') })
    expect((await millrace(['--evnt', 'a'])).status).toBe(2)
    expect((await millrace(['-f', '-', '-e', '-'])).status).toBe(2)
    expect(await millrace(['--help'])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('millrace match -f trigger.yaml'),
    })
  })
})
