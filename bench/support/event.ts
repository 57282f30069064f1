/** The event of all benches: binary mode, 1 KB of data, 8 headers that become record headers. */
export const dataBytes = 1024

/** Context attributes in the order in which they are sent, without id. `extra` are extensions. */
export function attributes(extra: Readonly<Record<string, string>> = {}): readonly (readonly [string, string])[] {
  return [
    ['specversion', '1.0'],
    ['type', 'com.example.order.placed'],
    ['source', '/shop/checkout'],
    ['subject', 'orders/4711'],
    ['time', '2026-11-21T10:00:00.123Z'],
    ['tenant', 'acme'],
    ...Object.entries(extra),
  ]
}

/** `milliseconds` of the monotonic clock, which all processes of a machine share, as fixed-width text and back. */
export const stamp = (milliseconds: number): string => milliseconds.toFixed(3).padStart(20, '0')
export const stamped = (text: string): number => Number(text)
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6

/** An HTTP request whose id can be written in place: 20 characters at `idAt`. */
export function requestTemplate(
  url: URL,
  extra: Readonly<Record<string, string>> = {},
): { bytes: Buffer; idAt: number } {
  const head = [
    `POST ${url.pathname} HTTP/1.1`,
    `host: ${url.host}`,
    ...attributes(extra).map(([name, value]) => `ce-${name}: ${value}`),
    'content-type: application/json',
    `content-length: ${dataBytes}`,
    'ce-id: ',
  ].join('\r\n')
  const body = JSON.stringify({ note: 'x'.repeat(dataBytes - '{"note":""}'.length) })
  return { bytes: Buffer.from(`${head}${'0'.repeat(20)}\r\n\r\n${body}`), idAt: Buffer.byteLength(head) }
}
