import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { block } from '../../../../test/support/block.ts'
import { Budget } from '../reading/budget.ts'
import { Origins } from './origins.ts'
import type { Lane } from './lane.ts'
import type { Answer, Exchange, Receiver } from './send.ts'

const limit = 2
let server: Server
let origins: Origins
let lane: Lane
let mayAct: boolean
let budget: Budget
/** Requests that came and were not answered yet. */
let open: ServerResponse[]

beforeEach(async () => {
  open = []
  mayAct = true
  server = createServer((request, response) => {
    request.resume()
    open.push(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  budget = new Budget(1_000_000)
  origins = new Origins(limit, 1024 * 1024, () => mayAct, budget)
  lane = origins.lane(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})

afterEach(async () => {
  await origins.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

function post(receiver: Receiver, timeoutMs = 10_000) {
  return lane.post({ path: '/', headers: [], body: null, timeoutMs }, receiver)
}

/** Posts as long as there is room, as a cursor does, and gets in line for the rest. */
function worker(name: string, count: number, log: string[]) {
  let left = count
  const one = {
    proceed(): void {
      while (left > 0 && !lane.full) {
        left--
        log.push(name)
        post({ answered: () => one.proceed(), failed: (error) => log.push(error.message) })
      }
      if (left > 0) lane.line(one)
    },
  }
  return one
}

it('those in line get room in turns, and all of it', async () => {
  const log: string[] = []
  for (const one of [worker('a', 4, log), worker('b', 4, log), worker('c', 4, log)]) one.proceed()
  for (let answered = 0; answered < 12; answered++) {
    await expect.poll(() => open.length, { interval: 1 }).toBeGreaterThan(0)
    open.shift()?.writeHead(200, { 'content-length': 0 }).end()
  }
  await expect.poll(() => log.length).toBe(12)
  expect(log.join('')).toBe('aaabcabcbcbc')
})

it('a timer that is used again gives each exchange its full time', async () => {
  const ends: string[] = []
  const receiver = { answered: () => ends.push('answered'), failed: (error: Error) => ends.push(error.message) }
  post(receiver, 1_500)
  await new Promise((resolve) => setTimeout(resolve, 800))
  open.shift()?.writeHead(200, { 'content-length': 0 }).end()
  await expect.poll(() => ends).toEqual(['answered'])
  const begun = performance.now()
  post(receiver, 1_500)
  await expect.poll(() => ends).toEqual(['answered', 'no complete answer within 1500 ms'])
  expect(performance.now() - begun).toBeGreaterThan(1_490)
})

it('an answer that came in time counts, though this process had no time to read it', async () => {
  const ends: string[] = []
  post({ answered: ({ status }) => ends.push(String(status)), failed: (error) => ends.push(error.message) }, 1_000)
  await expect.poll(() => open.length).toBe(1)
  // timers come next, with their time long over, and the answer lies in the socket: whoever looks there comes after them
  setImmediate(() => {
    open.shift()?.writeHead(200, { 'content-length': 0 }).end()
    process.nextTick(() => block(1_500))
  })
  await expect.poll(() => ends).toEqual(['200'])
})

it('a cancelled exchange gives its room to who is in line, never in the midst of the cancelling', async () => {
  const exchanges = [1, 2].map(() => post({ answered() {}, failed() {} }))
  await expect.poll(() => open.length).toBe(2)
  let proceeded = false
  lane.line({ proceed: () => (proceeded = true) })
  exchanges[0]?.cancel()
  expect(proceeded).toBe(false)
  await expect.poll(() => proceeded).toBe(true)
})

it('what waited for room does not begin while the process may not act, and begins when it may again', async () => {
  const ends: string[] = []
  for (const name of ['a', 'b', 'c', 'd']) post({ answered: () => ends.push(name), failed() {} })
  const cancelled = post({ answered: () => ends.push('cancelled'), failed() {} })
  await expect.poll(() => open.length).toBe(2)
  mayAct = false
  for (const response of open.splice(0)) response.writeHead(200, { 'content-length': 0 }).end()
  await expect.poll(() => ends.length).toBe(2)
  cancelled.cancel()
  await new Promise((resolve) => setTimeout(resolve, 250))
  expect(open.length).toBe(0)
  mayAct = true
  await expect.poll(() => open.length).toBe(2)
  for (const response of open.splice(0)) response.writeHead(200, { 'content-length': 0 }).end()
  await expect.poll(() => ends.toSorted()).toEqual(['a', 'b', 'c', 'd'])
})

const reply = { 'ce-specversion': '1.0' }

it('a reply counts as memory while it is read, and no longer', async () => {
  const bodies: number[] = []
  post({ answered: ({ body }) => bodies.push(body.length), failed() {} })
  await expect.poll(() => open.length).toBe(1)
  open[0]?.writeHead(200, reply).write(Buffer.alloc(50_000))
  await expect.poll(() => budget.replies).toBe(50_000)
  open[0]?.end()
  await expect.poll(() => bodies).toEqual([50_000])
  expect(budget.replies).toBe(0)
})

it.each([
  ['cut by its sender', () => open[0]?.destroy()],
  ['given up', (exchange: Exchange) => exchange.cancel()],
])('a reply that is %s in its midst counts as memory no longer', async (_, end) => {
  const exchange = post({ answered() {}, failed() {} })
  await expect.poll(() => open.length).toBe(1)
  open[0]?.writeHead(200, reply).write(Buffer.alloc(50_000))
  await expect.poll(() => budget.replies).toBe(50_000)
  end(exchange)
  await expect.poll(() => budget.replies).toBe(0)
})

it('when little memory is left for replies large ones are given up, small ones are read', async () => {
  budget.takeReply(budget.limit / 8)
  const ends: string[] = []
  const receiver = { answered: () => ends.push('answered'), failed: (error: Error) => ends.push(error.message) }
  for (const size of [60_000, 70_000]) {
    post(receiver)
    await expect.poll(() => open.length).toBe(1)
    open.shift()?.writeHead(200, reply).end(Buffer.alloc(size))
  }
  await expect.poll(() => ends).toEqual(['answered', 'no memory was left for so large a reply'])
  expect(budget.replies).toBe(budget.limit / 8)
})

it('when none is left small replies are given up too, but of an answer that is no event the beginning is read', async () => {
  budget.takeReply((budget.limit * 3) / 16)
  const ends: string[] = []
  const receiver = {
    answered: ({ status, body }: Answer) => ends.push(`${status} ${body.length}`),
    failed: (error: Error) => ends.push(error.message),
  }
  for (const [status, headers] of [[200, reply] as const, [500, {}] as const]) {
    post(receiver)
    await expect.poll(() => open.length).toBe(1)
    open.shift()?.writeHead(status, headers).end(Buffer.alloc(2_000))
  }
  await expect.poll(() => ends).toEqual(['no memory was left for so large a reply', '500 1024'])
  expect(budget.replies).toBe((budget.limit * 3) / 16)
})

it('a lane that ends with all connections leaves no error behind', async () => {
  const failed = new Promise<Error>((resolve) => post({ answered: () => {}, failed: resolve }))
  await expect.poll(() => open.length).toBe(1)
  lane.close()
  await origins.close()
  await expect(failed).resolves.toBeInstanceOf(Error)
})

it('what waited while the process might not act has its full time and no more, though its lane was closed', async () => {
  const ends: string[] = []
  const receiver = { answered: () => ends.push('answered'), failed: (error: Error) => ends.push(error.message) }
  for (let i = 0; i < 3; i++) post(receiver, 1_500)
  await expect.poll(() => open.length).toBe(2)
  mayAct = false
  for (const response of open.splice(0)) response.writeHead(200, { 'content-length': 0 }).end()
  await expect.poll(() => ends).toEqual(['answered', 'answered'])
  lane.close()
  mayAct = true
  await expect.poll(() => ends.at(-1)).toBe('no complete answer within 1500 ms')
})

it('a lane leaves its origin once, also when it waited to act and then did: others keep their connections', async () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const other = origins.lane(url)
  const ends: string[] = []
  const receiver = { answered: () => ends.push('answered'), failed: (error: Error) => ends.push(error.message) }
  for (let i = 0; i < 3; i++) post(receiver)
  await expect.poll(() => open.length, { interval: 1 }).toBe(2)
  mayAct = false
  open.shift()?.writeHead(200, { 'content-length': 0 }).end()
  await expect.poll(() => ends.length, { interval: 1 }).toBe(1)
  mayAct = true
  open.shift()?.writeHead(200, { 'content-length': 0 }).end()
  lane.close()
  await expect.poll(() => open.length, { interval: 1 }).toBe(1)
  open.shift()?.writeHead(200, { 'content-length': 0 }).end()
  await expect.poll(() => ends.length, { interval: 1 }).toBe(3)
  // by then it would have looked again whether it may act
  await new Promise((resolve) => setTimeout(resolve, 150))
  other.post({ path: '/', headers: [], body: null, timeoutMs: 10_000 }, receiver)
  await expect.poll(() => open.length).toBe(1)
  open.shift()?.writeHead(200, { 'content-length': 0 }).end()
  await expect.poll(() => ends).toEqual(Array(4).fill('answered'))
})
