import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { inTime } from './deadline.ts'

const never = new Promise<string>(() => {})

describe('waiting no longer than a limit', () => {
  it('gives what the work gives in time, whether or not there is a limit', async () => {
    const signal = new AbortController().signal
    for (const limit of [{}, { ms: 10_000 }, { signal }, { ms: 10_000, signal }]) {
      expect(await inTime(Promise.resolve('done'), limit)).toEqual({ late: false, value: 'done' })
    }
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it('throws what the work throws in time', async () => {
    await expect(inTime(Promise.reject(new Error('broken')), { ms: 10_000 })).rejects.toThrow('broken')
  })

  it('is late after the time, at the abort of the signal, and at once when it has aborted before', async () => {
    const cut = new AbortController()
    expect(await inTime(never, { ms: 5 })).toEqual({ late: true })
    const waiting = inTime(never, { ms: 100_000, signal: cut.signal })
    cut.abort()
    expect(await waiting).toEqual({ late: true })
    expect(await inTime(never, { signal: cut.signal })).toEqual({ late: true })
  })

  it('drops the error of work that fails later', async () => {
    const unhandled: unknown[] = []
    const listen = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', listen)
    const work = Promise.withResolvers<void>()
    expect(await inTime(work.promise, { ms: 1 })).toEqual({ late: true })
    work.reject(new Error('too late'))
    await new Promise((resolve) => setTimeout(resolve, 10))
    process.off('unhandledRejection', listen)
    expect(unhandled).toEqual([])
  })
})
