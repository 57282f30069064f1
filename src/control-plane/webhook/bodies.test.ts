import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { block } from '../../../test/support/block.ts'
import { BodyRoom } from './bodies.ts'

const mebibyte = 1024 * 1024
const body = (length?: number): PassThrough & IncomingMessage =>
  Object.assign(new PassThrough(), {
    headers: length === undefined ? {} : { 'content-length': String(length) },
  }) as unknown as PassThrough & IncomingMessage
const json = (bytes: number): string => JSON.stringify('x'.repeat(bytes - 2))

/** The status with which a body of this size from this address is refused; 200: it is taken, and held. */
async function status(room: BodyRoom, address: string, bytes: number, length?: number): Promise<number> {
  const sent = body(length)
  const read = room.share(address).read(sent)
  sent.end(json(bytes))
  return read.then(
    () => 200,
    ({ statusCode }) => statusCode,
  )
}

describe('room for bodies', () => {
  it('is 8 MiB for one, announced or not', async () => {
    const room = new BodyRoom()
    expect(await status(room, 'a', 8 * mebibyte)).toBe(200)
    expect(await status(room, 'b', 8 * mebibyte + 1)).toBe(413)
    expect(await status(room, 'c', 10, 8 * mebibyte + 1)).toBe(413)
  })

  it('is 16 MiB for one address, and 48 MiB for all', async () => {
    const room = new BodyRoom()
    for (const address of ['a', 'b', 'c']) {
      expect([await status(room, address, 8 * mebibyte), await status(room, address, 8 * mebibyte)]).toEqual([200, 200])
      expect(await status(room, address, 10)).toBe(503)
    }
    expect(await status(room, 'd', 10)).toBe(503)
  })

  it('comes back with the answer', async () => {
    const room = new BodyRoom()
    const share = room.share('a')
    const sent = [body(), body()]
    const read = sent.map((each) => share.read(each))
    for (const each of sent) each.end(json(8 * mebibyte))
    await Promise.all(read)
    expect(await status(room, 'a', 10)).toBe(503)
    share.release()
    share.release()
    expect(await status(room, 'a', 8 * mebibyte)).toBe(200)
    expect(await status(room, 'a', 8 * mebibyte)).toBe(200)
    expect(await status(room, 'a', 10)).toBe(503)
  })

  it('takes what has come, however late it is looked at', async () => {
    const sent = body()
    const read = new BodyRoom().share('a').read(sent)
    sent.end(json(mebibyte))
    block(2_200)
    expect(await read).toHaveLength(mebibyte - 2)
  })
})
