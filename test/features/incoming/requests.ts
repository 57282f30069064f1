import type { Sent } from '../delivery-rules-rig.ts'

/** A delivery that does not fail because the machine is slow: here it is not what is asked about. */
export const patient = {
  delivery: { retry: 5, backoffPolicy: 'linear', backoffDelayMs: 100, timeoutMs: 30_000 },
} as const

export type Headers = Readonly<Record<string, string>>

/** A number that JSON.parse would change. */
export const bigInt = '12345678901234567890'

export const jsonType = 'application/cloudevents+json'
export const binary = (more: Headers = {}, body: string | Buffer = ''): ((id: string) => Sent) => {
  return (id) => ({
    headers: { 'ce-specversion': '1.0', 'ce-id': id, 'ce-source': '/shop', 'ce-type': 'order', ...more },
    body,
  })
}
/** An event in JSON; `members` is the JSON text of further members. */
export const json = (members = '', version = '1.0', type = jsonType): ((id: string) => Sent) => {
  return (id) => ({
    headers: { 'content-type': type },
    body: `{"specversion":"${version}","id":"${id}","source":"/shop","type":"order"${members === '' ? '' : `,${members}`}}`,
  })
}
