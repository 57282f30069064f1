import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'

interface PageModules {
  curlOf(event: object, url: string): string
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
    const begun = performance.now()
    expect(
      pretty(text, 'application/xml', true)
        .map(([part]) => part)
        .join(''),
    ).toContain(begin)
    // Milliseconds; it was ten seconds and more.
    expect(performance.now() - begun).toBeLessThan(2_000)
  }
  expect(pretty('<a><b>1</b><!-- <x> --><c/></a>', 'text/xml', true)).toEqual([
    ['<a>\n  <b>1</b>\n  <!-- <x> -->\n  <c/>\n</a>', ''],
  ])
})
