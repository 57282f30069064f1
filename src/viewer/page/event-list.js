import { clockTime, el, hueOf, line, number, serviceName, size, split } from './text.js'

/** Rows beyond what is seen, above and below. */
const spare = 4

/**
 * The list, newest first. It holds as many rows as are seen and a few more, whatever the number of events: a row is filled anew when its
 * event changes, and moved when it does not.
 *
 *     events ──► [ seen ] ──► rows, by sequence modulo their number ──► transform
 */
class EventList extends HTMLElement {
  /** @type {import('./events.js').Events} */
  #events
  /** @type {HTMLElement[]} */
  #rows = []
  /** @type {import('./events.js').SeenEvent | null} */
  #selected = null
  #head
  #scroll
  #space
  #newer
  #rowHeight = 34
  #unseen = 0
  #due = 0

  connectedCallback() {
    this.#head = el('div', { class: 'head', 'aria-hidden': 'true' })
    for (const name of ['time', 'type', 'source', 'to', 'data']) this.#head.append(el('span', { class: name }, name))
    this.#space = el('div', { class: 'space', role: 'none' })
    this.#scroll = el(
      'div',
      { class: 'scroll', role: 'listbox', tabIndex: 0, 'aria-label': 'Events, newest first' },
      this.#space,
    )
    this.#newer = el('button', { class: 'newer primary', type: 'button', hidden: true, onclick: () => this.follow() })
    this.append(this.#head, this.#newer, this.#scroll)
    this.#scroll.addEventListener('scroll', () => this.#scrolled(), { passive: true })
    this.#space.addEventListener('click', (click) => this.#clicked(click))
    this.#scroll.addEventListener('keydown', (key) => this.#key(key))
    new ResizeObserver(() => this.#measure()).observe(this.#scroll)
  }

  /** @param {import('./events.js').Events} events */
  set events(events) {
    this.#events = events
    this.#measure()
  }

  get selected() {
    return this.#selected
  }

  /** @param {number} added how many events are new at the top since the last call; what somebody reads stays where it is */
  update(added) {
    const held = this.#scroll.scrollTop > 0 || this.#selected !== null
    this.#space.style.height = `${this.#events.length * this.#rowHeight}px`
    if (held && added > 0) {
      this.#unseen += added
      this.#scroll.scrollTop += added * this.#rowHeight
    }
    this.#draw()
  }

  /** To the newest, and on with what comes. */
  follow() {
    this.select(null)
    this.#scroll.scrollTop = 0
    this.#unseen = 0
    this.#draw()
  }

  focusList() {
    this.#scroll.focus()
  }

  /** @param {number} by 1: the next older one */
  move(by) {
    const at = this.#events.indexOf(this.#selected)
    const index = at < 0 ? Math.floor(this.#scroll.scrollTop / this.#rowHeight) : at + by
    const event = this.#events.at(Math.max(0, Math.min(index, this.#events.length - 1)))
    if (event !== undefined) this.select(event)
  }

  /** @param {import('./events.js').SeenEvent | null} event */
  select(event) {
    if (event === this.#selected) return
    this.#selected = event
    if (event !== null) this.#reveal(this.#events.indexOf(event))
    this.#draw()
    this.dispatchEvent(new CustomEvent('pick', { detail: event }))
  }

  /** @param {number} index */
  #reveal(index) {
    const top = index * this.#rowHeight
    const { scrollTop, clientHeight } = this.#scroll
    if (top < scrollTop) this.#scroll.scrollTop = top
    else if (top + this.#rowHeight > scrollTop + clientHeight)
      this.#scroll.scrollTop = top + this.#rowHeight - clientHeight
  }

  #scrolled() {
    if (this.#scroll.scrollTop === 0 && this.#selected === null) this.#unseen = 0
    if (this.#due === 0) this.#due = requestAnimationFrame(() => this.#draw())
  }

  #measure() {
    this.#rowHeight = Number.parseFloat(getComputedStyle(this).getPropertyValue('--row')) || 34
    const bar = this.#scroll.offsetWidth - this.#scroll.clientWidth
    this.#head.style.paddingRight = `calc(1rem + ${bar}px)`
    const count = Math.ceil(this.#scroll.clientHeight / this.#rowHeight) + 2 * spare
    if (count !== this.#rows.length) {
      this.#rows = Array.from({ length: count }, (_, i) => rowElement(i))
      this.#space.replaceChildren(...this.#rows)
    }
    if (this.#events !== undefined) this.update(0)
  }

  #draw() {
    this.#due = 0
    const { scrollTop } = this.#scroll
    const first = Math.max(0, Math.floor(scrollTop / this.#rowHeight) - spare)
    const used = new Set()
    let active = ''
    for (let index = first; index < first + this.#rows.length; index += 1) {
      const event = this.#events.at(index)
      if (event === undefined) break
      const row = this.#rows[event.sequence % this.#rows.length]
      used.add(row)
      this.#place(row, event, index)
      if (event === this.#selected) active = row.id
    }
    for (const row of this.#rows) if (!used.has(row)) row.hidden = true
    if (active === '') this.#scroll.removeAttribute('aria-activedescendant')
    else this.#scroll.setAttribute('aria-activedescendant', active)
    this.#scroll.hidden = this.#events.length === 0
    this.#newer.hidden = this.#unseen === 0
    this.#newer.textContent = `↑ ${number(this.#unseen)} newer`
  }

  #place(row, event, index) {
    if (row.event !== event) fill(row, event)
    row.hidden = false
    row.style.transform = `translateY(${index * this.#rowHeight}px)`
    row.setAttribute('aria-selected', String(event === this.#selected))
    row.setAttribute('aria-posinset', String(index + 1))
    row.setAttribute('aria-setsize', String(this.#events.length))
  }

  /** @param {MouseEvent} click */
  #clicked(click) {
    const row = click.target.closest('.row')
    if (row !== null) this.select(row.event === this.#selected ? null : row.event)
  }

  /** @param {KeyboardEvent} key */
  #key(key) {
    if (key.ctrlKey || key.metaKey || key.altKey) return
    const page = Math.max(1, Math.floor(this.#scroll.clientHeight / this.#rowHeight) - 1)
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, End: this.#events.length }
    if (key.key === 'Home') this.follow()
    else if (key.key === 'Enter') this.dispatchEvent(new CustomEvent('enter'))
    else if (key.key in steps) this.move(steps[key.key])
    else return
    key.preventDefault()
    key.stopPropagation()
  }
}

/** @param {number} index */
function rowElement(index) {
  const row = el('div', { class: 'row', role: 'option', id: `row-${index}`, hidden: true })
  for (const name of ['time', 'type', 'source', 'to', 'data']) row.append(el('span', { class: `${name} foreign` }))
  row.children[1].append(el('span'), el('b'))
  return row
}

function fill(row, event) {
  const [time, type, source, to, data] = row.children
  const { attributes } = event
  row.event = event
  row.style.setProperty('--hue', hueOf(attributes.type ?? ''))
  time.textContent = clockTime(event.receivedAt)
  const [start, end] = split(attributes.type ?? '')
  type.firstChild.textContent = start
  type.lastChild.textContent = end
  type.title = line(attributes.type ?? '')
  source.textContent = line(attributes.source ?? '')
  to.textContent = line(serviceName(event.to))
  data.textContent = preview(event)
}

function preview({ data, form, bytes }) {
  if (data === null) return 'no data'
  return form === 'base64' ? `binary, ${size(bytes)}` : line(data, 200)
}

customElements.define('event-list', EventList)
