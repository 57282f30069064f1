import type { Environment } from '../../flags.ts'

/** Words in colour, for who sees colours; the words alone say the same. */
export interface Paint {
  good(text: string): string
  bad(text: string): string
  unsure(text: string): string
  quiet(text: string): string
  strong(text: string): string
}

type Style = keyof Paint

/** Select Graphic Rendition (ECMA-48 §8.3.117). */
const codes: Readonly<Record<Style, number>> = { good: 32, bad: 31, unsure: 33, quiet: 2, strong: 1 }

/** Colours only on a terminal that has them, and not against NO_COLOR (https://no-color.org). */
export function paintFor(stream: { readonly isTTY?: boolean | undefined }, env: Environment): Paint {
  const coloured = stream.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb'
  const style = (name: Style) => (text: string) =>
    coloured && text !== '' ? `\u001b[${codes[name]}m${text}\u001b[0m` : text
  return {
    good: style('good'),
    bad: style('bad'),
    unsure: style('unsure'),
    quiet: style('quiet'),
    strong: style('strong'),
  }
}
