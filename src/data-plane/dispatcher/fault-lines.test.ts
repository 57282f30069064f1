import { expect, test, vi } from 'vitest'
import type { Logger } from '../../telemetry/logger.ts'
import { FaultLines } from './fault-lines.ts'

/** The lines are what this class is for. */
function written(tell: (lines: FaultLines) => void): readonly string[] {
  const found: string[] = []
  const warn = (_: object, message: string): void => void found.push(message)
  const logger: Logger = { debug: warn, info: warn, warn, error: warn, child: () => logger }
  vi.useFakeTimers()
  try {
    const lines = new FaultLines(logger)
    tell(lines)
    vi.runAllTimers()
    lines.close()
  } finally {
    vi.useRealTimers()
  }
  return found
}

const outlets = Array.from({ length: 100 }, (_, n) => `Outlet ${n}`)

test('a log that is away is one line at once and one for all others, however many partitions and groups meet it', () => {
  const lines = written((to) => {
    for (const outlet of outlets)
      for (let partition = 0; partition < 10; partition++)
        to.tell(outlet, 'LogUnavailable', `fetching t/${partition}: away`)
  })
  expect(lines).toEqual(['fetching t/0: away', '99 more: fetching t/9: away'])
})

test('two topics that do not exist are two causes', () => {
  const lines = written((to) => {
    for (const outlet of outlets) to.tell(outlet, 'TopicNotFound', `no topic ${Number(outlet.slice(-1)) % 2}`)
  })
  expect(lines).toEqual(['no topic 0', 'no topic 1', '49 more: no topic 0', '49 more: no topic 1'])
})

test("what is an Outlet's own fault is a line each; one Outlet that meets the log's fault is one line", () => {
  expect(written((to) => outlets.forEach((one) => to.tell(one, 'DeliveryFailed', one)))).toEqual(outlets)
  expect(written((to) => outlets.forEach(() => to.tell('a', 'LogUnavailable', 'away')))).toEqual(['away'])
})

test('when it is told again later, it is a line again', () => {
  const lines = written((to) => {
    to.tell('a', 'LogUnavailable', 'away')
    vi.runAllTimers()
    to.tell('a', 'LogUnavailable', 'away')
  })
  expect(lines).toEqual(['away', 'away'])
})
