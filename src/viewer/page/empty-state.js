import { copy, el } from './text.js'

/** What stands where no event is: how to send the first one, or how to see those that there are. */
class EmptyState extends HTMLElement {
  /** @param {string} address where events go */
  welcome(address) {
    const line = `curl -i ${address} \\
  -H 'ce-specversion: 1.0' -H 'ce-id: 1' \\
  -H 'ce-source: /my/terminal' -H 'ce-type: com.example.greeting' \\
  -H 'content-type: application/json' \\
  -d '{"hello":"world"}'`
    this.replaceChildren(
      wheel(),
      el('h2', {}, 'No event yet'),
      el('p', { class: 'muted' }, 'Send one from a terminal, and it shows here at once:'),
      el('pre', { tabIndex: 0, 'aria-label': 'Command' }, line),
      el(
        'button',
        { type: 'button', class: 'primary', onclick: () => copy(line, 'Copied: paste it into a terminal') },
        'Copy the command',
      ),
    )
    this.hidden = false
  }

  /** @param {() => void} all shows everything */
  nothingFits(all) {
    this.replaceChildren(
      el('h2', {}, 'No event fits'),
      el('p', { class: 'muted' }, 'What fits what you asked for shows here as it comes.'),
      el('button', { type: 'button', onclick: all }, 'Show everything'),
    )
    this.hidden = false
  }
}

/** The wheel turns, and the water runs. */
function wheel() {
  const spokes = 'M32 8v38M13 27h38M18.600 13.600l26.800 26.800M45.400 13.600 18.600 40.400'
  const drawing = shape('svg', { viewBox: '0 0 64 64', class: 'wheel', 'aria-hidden': 'true' })
  const turning = shape('g', { class: 'turning' })
  turning.append(
    shape('circle', { cx: 32, cy: 27, r: 19 }),
    shape('circle', { cx: 32, cy: 27, r: 3.5 }),
    shape('path', { d: spokes }),
  )
  const water = shape('path', {
    class: 'water',
    d: 'M-24 52c5-5 9-5 14 0s9 5 14 0 9-5 14 0 9 5 14 0 9-5 14 0 9 5 14 0 9-5 14 0',
  })
  drawing.append(turning, water)
  return drawing
}

function shape(tag, attributes) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  return element
}

customElements.define('empty-state', EmptyState)
