/** A parsed duration in milliseconds, or a sentence that says what is wrong and shows a right example. */
export type ParsedDuration =
  { readonly ok: true; readonly ms: number } | { readonly ok: false; readonly message: string }

const second = 1000
const day = 86_400 * second
/** Years and months have no fixed length: the Gregorian average, as Knative's parser has it. */
const year = 365.2425 * day

/** The designators in the order that ISO 8601 asks for, before and after the T. */
const dateUnits: readonly Unit[] = [
  ['Y', year],
  ['M', year / 12],
  ['W', 7 * day],
  ['D', day],
]
const timeUnits: readonly Unit[] = [
  ['H', 3600 * second],
  ['M', 60 * second],
  ['S', second],
]
type Unit = readonly [designator: string, ms: number]

const example = 'write an ISO 8601 duration such as PT0.2S (200 ms), PT30S, PT10M or P1DT2H'

/**
 * Parses an ISO 8601 duration as Knative takes it in `backoffDelay` and `timeout`: `PT0.2S`, `PT10M`, `P1DT2H`. A fraction (with . or ,) is
 * allowed in the last part only; a sign is not; zero is a duration (a field that must be longer says so itself).
 */
export function parseDuration(text: string): ParsedDuration {
  const complaint = grossComplaint(text)
  if (complaint !== null) return wrong(text, complaint)
  const [date = '', time] = text.slice(1).split('T')
  const parts = [...parse(date, dateUnits), ...parse(time ?? '', timeUnits)]
  let ms = 0
  for (const [i, part] of parts.entries()) {
    if ('complaint' in part) return wrong(text, part.complaint)
    if (part.fraction && i < parts.length - 1) return wrong(text, 'only its last part may have a fraction')
    ms += part.ms
  }
  if (!Number.isFinite(ms)) return wrong(text, 'it is too long')
  // Ten decimal places of a second would only show the noise of floating point.
  return { ok: true, ms: Math.round(ms * 1e6) / 1e6 }
}

function wrong(text: string, complaint: string): ParsedDuration {
  return { ok: false, message: `${JSON.stringify(text)} is not a duration: ${complaint}; ${example}` }
}

function grossComplaint(text: string): string | null {
  if (text === '') return 'it is empty'
  if (/^[+-]/.test(text)) return 'it must not have a sign'
  if (/^\d+([.,]\d+)?$/.test(text)) return 'it has no unit'
  const goStyle = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text)
  if (goStyle) return `that is the style of another tool, here it is ${toIso(Number(goStyle[1]), goStyle[2] ?? 's')}`
  if (text !== text.toUpperCase()) return 'its letters must be upper case'
  if (!text.startsWith('P')) return 'it must start with P'
  if (text === 'P') return 'nothing follows the P'
  if (text.endsWith('T')) return 'nothing follows the T'
  if (text.split('T').length > 2) return 'it has more than one T'
  return null
}

function toIso(amount: number, unit: string): string {
  return unit === 'ms' ? `PT${amount / 1000}S` : `PT${amount}${unit.toUpperCase()}`
}

type Part = { readonly ms: number; readonly fraction: boolean } | { readonly complaint: string }

/** Reads `1Y2M` style parts; each designator at most once and in order. */
function parse(text: string, units: readonly Unit[]): readonly Part[] {
  const parts: Part[] = []
  const matcher = /(\d+(?:[.,]\d+)?)([A-Z])|./g
  let last = -1
  for (const [whole, amount, designator] of text.matchAll(matcher)) {
    if (amount === undefined || designator === undefined) {
      return [{ complaint: `${JSON.stringify(text)} is not a number followed by one of ${names(units)}` }]
    }
    const at = units.findIndex(([name]) => name === designator)
    if (at < 0) return [{ complaint: unitComplaint(whole, designator, units) }]
    if (at <= last) return [{ complaint: `the parts must come once each, in the order ${names(units)}` }]
    last = at
    parts.push({ ms: Number(amount.replace(',', '.')) * (units[at]?.[1] ?? 0), fraction: !/^\d+$/.test(amount) })
  }
  return parts
}

function unitComplaint(whole: string, designator: string, units: readonly Unit[]): string {
  if (units === dateUnits && (designator === 'H' || designator === 'S')) {
    return `hours, minutes and seconds come after a T, so PT${whole}`
  }
  return `${designator} is not a unit here, ${names(units)} are`
}

function names(units: readonly Unit[]): string {
  return units.map(([name]) => name).join(', ')
}
