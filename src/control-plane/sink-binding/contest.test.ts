import { describe, expect, it } from 'vitest'
import { Contest } from './contest.ts'

function contestAt() {
  const time = { now: 0 }
  const contest = new Contest({ now: () => 0, monotonic: () => time.now })
  /** Someone takes away what is meant; we may put it back or not. */
  const repair = (version: string, mark = 'a'): boolean => {
    const may = contest.mayWrite('u', mark, version)
    if (may) contest.wrote('u', mark)
    return may
  }
  return { time, contest, repair }
}

describe('what is in force and taken away', () => {
  it('is put back three times after the first time, and then no more', () => {
    const { repair } = contestAt()
    expect(['1', '2', '3', '4', '5', '6'].map((version) => repair(version))).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ])
  })

  it('counts from when it was seen, whoever put it there', () => {
    const { contest, repair } = contestAt()
    contest.asMeant('u', 'a', '1')
    expect(['2', '3', '4', '5'].map((version) => repair(version))).toEqual([true, true, true, false])
  })

  it('is put back for ever when it happens seldom', () => {
    const { time, repair } = contestAt()
    for (let i = 0; i < 20; i += 1) {
      expect(repair(String(i))).toBe(true)
      time.now += 250_000
    }
  })

  it('stays as it is once given up, however long that lasts', () => {
    const { time, repair } = contestAt()
    for (let i = 0; i < 5; i += 1) repair('1')
    time.now += 10_000_000
    expect(repair('2')).toBe(false)
  })

  it('is looked after again when another thing is meant', () => {
    const { repair } = contestAt()
    for (let i = 0; i < 5; i += 1) repair('1')
    expect(repair('2', 'b')).toBe(true)
  })

  it('is looked after again when someone else put it right, and not by an older sight of it', () => {
    const { contest, repair } = contestAt()
    for (let i = 0; i < 5; i += 1) repair('7')
    contest.asMeant('u', 'a', '6')
    expect(repair('7')).toBe(false)
    contest.asMeant('u', 'a', '8')
    expect(repair('9')).toBe(true)
  })

  it('is written ten times in ten minutes, whatever is meant, and goes on afterwards', () => {
    const { time, contest, repair } = contestAt()
    const other = (i: number): boolean => {
      contest.asMeant('u', `seen ${i}`, String(i))
      return repair(String(i), `meant ${i}`)
    }
    expect(Array.from({ length: 12 }, (_, i) => other(i))).toEqual([...Array<boolean>(10).fill(true), false, false])
    time.now += 600_000
    expect(other(12)).toBe(true)
  })

  it('is not counted when it could not be written', () => {
    const { contest } = contestAt()
    contest.asMeant('u', 'a', '1')
    for (let i = 0; i < 10; i += 1) expect(contest.mayWrite('u', 'a', '2')).toBe(true)
  })
})
