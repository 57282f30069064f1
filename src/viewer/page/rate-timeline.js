import { number } from './text.js'

const seconds = 300

/** How many events came in each of the last five minutes' seconds, and how many of them are shown. */
class RateTimeline extends HTMLElement {
  /** @type {number[]} oldest first */
  #all = Array(seconds).fill(0)
  /** @type {number[]} */
  #shown = Array(seconds).fill(0)
  #now = 0
  #filtered = false
  #canvas
  #rate
  #peak

  connectedCallback() {
    this.#canvas = document.createElement('canvas')
    this.#canvas.setAttribute('role', 'img')
    this.#rate = document.createElement('p')
    this.#rate.className = 'rate'
    this.#peak = document.createElement('p')
    this.#peak.className = 'peak muted'
    this.append(this.#canvas, this.#rate, this.#peak)
    new ResizeObserver(() => this.draw()).observe(this)
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw())
  }

  /** @param {readonly number[]} history events per second, the oldest first */
  set history(history) {
    this.#all = [...Array(seconds).fill(0), ...history].slice(-seconds)
    this.#shown = Array(seconds).fill(0)
    this.draw()
  }

  /** @param {boolean} filtered whether only some of the events come */
  set filtered(filtered) {
    this.#filtered = filtered
    this.#shown = Array(seconds).fill(0)
  }

  /** An event that is shown. */
  count() {
    this.#now += 1
  }

  /** @param {number} rate of the second that is over */
  tick(rate) {
    this.#all = [...this.#all.slice(1), rate]
    this.#shown = [...this.#shown.slice(1), Math.min(this.#now, rate)]
    this.#now = 0
    this.draw()
  }

  draw() {
    const { width, height } = this.getBoundingClientRect()
    if (width === 0) return
    const peak = Math.max(...this.#all)
    this.#say(peak)
    const dense = devicePixelRatio || 1
    this.#canvas.width = width * dense
    this.#canvas.height = height * dense
    const pen = this.#canvas.getContext('2d')
    pen.scale(dense, dense)
    // A canvas knows no `light-dark()`: the colour as it came out.
    pen.fillStyle = getComputedStyle(this.#canvas).color
    const bars = (values, alpha) => drawBars(pen, values, { width, height, most: Math.max(peak, 1), alpha })
    bars(this.#all, this.#filtered ? 0.25 : 0.8)
    if (this.#filtered) bars(this.#shown, 0.9)
  }

  #say(peak) {
    const latest = this.#all.at(-1)
    const strong = document.createElement('strong')
    strong.textContent = number(latest)
    this.#rate.replaceChildren(strong, ' events/s')
    this.#peak.textContent = peak === 0 ? '' : `5 min, peak ${number(peak)}/s`
    this.#canvas.setAttribute('aria-label', `Rate over five minutes: now ${latest} events per second, at most ${peak}`)
  }
}

function drawBars(pen, values, { width, height, most, alpha }) {
  const step = width / values.length
  pen.globalAlpha = alpha
  for (const [i, value] of values.entries()) {
    if (value === 0) continue
    const tall = Math.max(2, (value / most) * (height - 26))
    pen.fillRect(i * step, height - tall, Math.max(1, step - 0.6), tall)
  }
}

customElements.define('rate-timeline', RateTimeline)
