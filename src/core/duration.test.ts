import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDuration } from './duration.ts'

describe('parseDuration', () => {
  it.each([
    ['PT0.2S', 200],
    ['PT0,2S', 200],
    ['PT0.125S', 125],
    ['PT1.001S', 1001],
    ['PT10M', 600_000],
    ['PT1M30S', 90_000],
    ['P1DT2H', 93_600_000],
    ['P1W', 604_800_000],
    ['P1Y', 31_556_952_000],
    ['P1M', 2_629_746_000],
    ['PT0S', 0],
    ['P0.5D', 43_200_000],
  ])('reads %s as %d ms', (text, ms) => {
    expect(parseDuration(text)).toEqual({ ok: true, ms })
  })

  it.each([
    ['nothing', '', /empty/],
    ['a bare number', '5', /no unit/],
    ['Go style seconds, with the right form', '30s', /here it is PT30S/],
    ['Go style milliseconds, with the right form', '200ms', /here it is PT0.2S/],
    ['lower case', 'pt10s', /upper case/],
    ['a missing P', 'T10S', /start with P/],
    ['a lone P', 'P', /follows the P/],
    ['a lone T', 'P1DT', /follows the T/],
    ['a forgotten T, with the right form', 'P10S', /PT10S/],
    ['days after the T', 'PT1D', /D is not a unit here/],
    ['parts out of order', 'PT1S2M', /order H, M, S/],
    ['a part given twice', 'PT1S1S', /once each/],
    ['a fraction before the last part', 'PT1.5M3S', /only its last part/],
    ['a negative duration', '-PT1S', /sign/],
    ['words', 'P ten seconds', /upper case/],
    ['a number without designator', 'PT10', /not a number followed by/],
    ['two Ts', 'PT1HT1M', /more than one T/],
    ['more digits than a number can be', `PT${'9'.repeat(400)}S`, /too long/],
  ])('refuses %s', (_, text, message) => {
    const parsed = parseDuration(text)
    if (parsed.ok) throw new Error(`read as ${parsed.ms} ms`)
    expect(parsed.message).toMatch(message)
    expect(parsed.message).toMatch(/such as PT0\.2S/)
  })

  it('reads back every whole number of days, hours, minutes and seconds', () => {
    const part = fc.nat({ max: 10_000 })
    fc.assert(
      fc.property(part, part, part, part, (d, h, m, s) => {
        const ms = (((d * 24 + h) * 60 + m) * 60 + s) * 1000
        expect(parseDuration(`P${d}DT${h}H${m}M${s}S`)).toEqual({ ok: true, ms })
      }),
    )
  })

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'PTYMWDHS0123456789.,-+ '.split('')) }), (s) => {
        const parsed = parseDuration(s)
        expect(parsed.ok ? parsed.ms >= 0 : parsed.message.includes('PT0.2S')).toBe(true)
      }),
    )
  })
})
