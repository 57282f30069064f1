import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'

interface PageModules {
  curlOf(event: object, url: string): string
  traceOf(event: object, display: string | null): string
  layout(topology: object): {
    width: number
    height: number
    boxes: readonly { readonly node: { readonly id: string }; readonly x: number; readonly y: number }[]
    lines: readonly { readonly edge: { readonly kind: string }; readonly d: string }[]
  }
  pretty(text: string, contentType: string, isWhole: boolean): readonly (readonly [string, string])[]
}

/** Scripts of the page have no types: they are what a browser loads. */
async function page(file: string): Promise<PageModules> {
  return (await import(new URL(`page/${file}`, import.meta.url).href)) as PageModules
}

test('a command for a terminal holds no key that would end the quote it stands in', async () => {
  const { curlOf } = await page('curl.js')
  const hostile = "it's \u0003\u001b[201~\nrm -rf /\n\u0015\u009b"
  const attributes = {
    specversion: '1.0',
    id: hostile,
    source: '/s',
    type: 't',
    datacontenttype: `text/plain${hostile}`,
  }
  const command = curlOf({ attributes, data: hostile, form: 'text' }, 'http://127.0.0.1:1/')
  expect(command.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
  // A shell has the same bytes of it.
  const read = execFileSync('sh', ['-c', `curl() { cat; }\n${command}`])
  expect(read.toString()).toBe(hostile)
})

test('what begins without an end is laid out in a time that grows with its length alone', async () => {
  const { pretty } = await page('payload.js')
  for (const begin of ['<!--', '<![CDATA[', '<a', '<']) {
    const text = begin.repeat(60_000)
    const begun = process.threadCpuUsage()
    expect(
      pretty(text, 'application/xml', true)
        .map(([part]) => part)
        .join(''),
    ).toContain(begin)
    const { user, system } = process.threadCpuUsage(begun)
    // Milliseconds; it was ten seconds and more.
    expect((user + system) / 1_000).toBeLessThan(3_000)
  }
  expect(pretty('<a><b>1</b><!-- <x> --><c/></a>', 'text/xml', true)).toEqual([
    ['<a>\n  <b>1</b>\n  <!-- <x> -->\n  <c/>\n</a>', ''],
  ])
})

test('the command that asks for the fate of an event takes any id and source as one word each', async () => {
  const { traceOf } = await page('fate.js')
  const traced = (id: string, source: string) => {
    const command = traceOf({ attributes: { id, source } }, 'http://127.0.0.1:8090')
    return execFileSync('sh', ['-c', `npx() { for word; do printf '%s\\n' "$word"; done; }\n${command}`])
      .toString()
      .split('\n')
      .slice(0, -1)
  }
  for (const id of ['order-7', '-o', "it's; $(rm -rf /)", '* ?'])
    expect(traced(id, `/${id}`)).toEqual([
      ...['millrace', 'trace', `--source=/${id}`, '--display=http://127.0.0.1:8090', '--', id],
    ])
  expect(traced('a\u0003\nb', '/s').at(-1)).toBe('ab')
})

test('ways back pass behind no box, end where they should, and stay in the picture', async () => {
  const { layout } = await page('topology-layout.js')
  const names = ['a', 'b', 'c']
  const nodes = [
    ...['first', 'second'].map((id) => ({ id, role: 'broker' })),
    ...names.map((name) => ({ id: `trigger ${name}`, role: 'trigger' })),
    ...names.map((name) => ({ id: `service ${name}`, role: 'subscriber' })),
  ]
  const forward = names.flatMap((name) => [
    { from: 'first', to: `trigger ${name}`, kind: 'subscribe' },
    { from: `trigger ${name}`, to: `service ${name}`, kind: 'deliver' },
  ])
  const back = [
    ...names.map((name) => ({ from: `service ${name}`, to: 'first', kind: 'reply' })),
    { from: 'trigger a', to: 'second', kind: 'deliver' },
  ]
  const { width, height, boxes, lines } = layout({ nodes, edges: [...forward, ...back] })
  const [w, h] = [232, 78]
  expect(lines).toHaveLength(forward.length + back.length)
  for (const { d } of lines.slice(forward.length)) {
    for (const { x, y } of pointsOf(d)) {
      expect(x > 0 && x < width && y > 0 && y < height).toBe(true)
      expect(boxes.filter((box) => x > box.x && x < box.x + w && y > box.y && y < box.y + h)).toEqual([])
    }
  }
})

/** Points along a path of M, H, V and Q, two pixels apart on its straight parts. */
function pointsOf(d: string): { x: number; y: number }[] {
  const points: { x: number; y: number }[] = []
  let [x, y] = [0, 0]
  for (const [, letter = '', rest = ''] of d.matchAll(/([MHVQ])([^MHVQ]*)/g)) {
    const numbers = rest.trim().split(/[ ,]+/).map(Number)
    const [toX = 0, toY = 0] = letter === 'H' ? [numbers[0], y] : letter === 'V' ? [x, numbers[0]] : numbers.slice(-2)
    const steps = letter === 'M' ? 0 : Math.ceil(Math.hypot(toX - x, toY - y) / 2)
    for (let i = 1; i <= steps; i += 1) points.push({ x: x + ((toX - x) * i) / steps, y: y + ((toY - y) * i) / steps })
    ;[x, y] = [toX, toY]
  }
  return points
}
