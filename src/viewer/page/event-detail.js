import { curlOf, structuredOf } from './curl.js'
import { fateOf, traceOf } from './fate.js'
import { bytesOf, hex, languageOf, pretty } from './payload.js'
import { copy, el, size, visible } from './text.js'

/** What everybody looks for first. */
const first = ['id', 'type', 'source', 'subject', 'time', 'datacontenttype']

/** One event: its attributes and its data. */
class EventDetail extends HTMLElement {
  /** @type {import('./events.js').SeenEvent | null} */
  #event = null
  /** Where events for this one's Service come from. @type {(event: object) => string} */
  addressOf = () => new URL('./', location.href).href
  /** Where somebody remembers what became of events; null: not here. @type {string | null} */
  lineage = null
  #view = 'pretty'

  get event() {
    return this.#event
  }

  /**
   * @param {import('./events.js').SeenEvent | null} event
   * @param {string} run of the viewer now: it knows the events of no other
   */
  async show(event, run) {
    this.#event = event
    this.hidden = event === null
    this.replaceChildren()
    if (event === null) return
    this.#draw(event)
    if (event.run !== run || isWhole(event)) return
    const whole = await fetch(`events/${event.number}`).then(
      (answer) => (answer.ok ? answer.json() : null),
      () => null,
    )
    if (whole === null) return
    Object.assign(event, whole)
    if (this.#event === event) this.#drawData(event)
  }

  focusFirst() {
    this.querySelector('button')?.focus()
  }

  async copyCurl() {
    if (this.#event === null) return
    const cut = isWhole(this.#event) ? '' : ', of the beginning of its data'
    await copy(curlOf(this.#event, this.addressOf(this.#event)), `Copied as curl${cut}`)
  }

  #draw(event) {
    const close = el(
      'button',
      { type: 'button', class: 'icon', 'aria-label': 'Close the details', onclick: () => this.#close() },
      '✕',
    )
    const title = el('h2', { class: 'foreign' }, visible(event.attributes.type ?? ''))
    const actions = el('div', { class: 'actions' })
    const action = (label, run) => actions.append(el('button', { type: 'button', class: 'small', onclick: run }, label))
    action('Copy as curl', () => this.copyCurl())
    action('Copy event', () => copy(structuredOf(event), 'Copied as JSON'))
    action('Copy trace', () => copy(traceOf(event, this.lineage), 'Copied: the command that tells its fate'))
    if (event.data !== null) action('Copy data', () => copy(event.data, 'Copied'))
    const body = el('div', { class: 'body', tabIndex: 0, role: 'region', 'aria-label': 'Attributes and data' })
    const fate = el('div', { class: 'fate', role: 'status' })
    if (this.lineage !== null) action('What became of it?', () => this.#tellFate(event, fate))
    body.append(fate, el('h3', {}, 'Attributes'), this.#attributes(event), el('div', { class: 'payload' }))
    this.append(el('div', { class: 'title' }, title, close), actions, body)
    this.#drawData(event)
  }

  /** Asked anew each time: it may have gone on. */
  async #tellFate(event, box) {
    const lines = await fateOf(event).catch((error) => [`It cannot be told: ${error.message}`])
    const items = lines.map((each) => el('li', { class: 'foreign' }, visible(each)))
    box.replaceChildren(el('h3', {}, 'What became of it'), el('ul', {}, ...items))
    box.scrollIntoView({ block: 'nearest' })
  }

  #attributes(event) {
    const list = el('dl')
    const { attributes } = event
    const names = [
      ...first.filter((name) => name in attributes),
      ...Object.keys(attributes)
        .filter((name) => !first.includes(name))
        .toSorted(),
    ]
    for (const name of names)
      list.append(this.#fact(name, attributes[name], { dialect: 'exact', attribute: name, value: attributes[name] }))
    list.append(this.#fact('delivered to', event.to, { dialect: 'to', value: event.to }))
    list.append(this.#fact('received', new Date(event.receivedAt).toISOString(), null))
    return list
  }

  #fact(name, value, filter) {
    const ask = () => this.dispatchEvent(new CustomEvent('filter', { detail: filter }))
    const cell = el('dd', { class: 'only' })
    if (filter !== null && value !== '') {
      cell.append(
        el(
          'button',
          {
            type: 'button',
            title: 'Show only events with this value',
            'aria-label': `Only this ${visible(name)}`,
            onclick: ask,
          },
          'only',
        ),
      )
    }
    return el(
      'div',
      {},
      el('dt', { class: 'foreign' }, visible(name)),
      el('dd', { class: 'foreign' }, visible(value)),
      cell,
    )
  }

  #drawData(event) {
    const box = this.querySelector('.payload')
    if (event.data === null)
      return box.replaceChildren(el('h3', {}, 'Data'), el('p', { class: 'muted' }, 'The event carries no data.'))
    const bytes = bytesOf(event)
    const part = isWhole(event) ? size(event.bytes) : `the first ${size(bytes.length)} of ${size(event.bytes)}`
    const views = el('div', { class: 'views' }, el('h3', {}, `Data, ${part}`))
    const names = event.form === 'base64' ? ['hex'] : ['pretty', 'raw', 'hex']
    const view = names.includes(this.#view) ? this.#view : names[0]
    for (const name of names.length > 1 ? names : []) {
      const press = () => {
        this.#view = name
        this.#drawData(event)
        this.querySelector(`[data-view=${name}]`).focus()
      }
      views.append(
        el(
          'button',
          { type: 'button', class: 'small', 'data-view': name, 'aria-pressed': String(name === view), onclick: press },
          name,
        ),
      )
    }
    box.replaceChildren(views, block(event, view, bytes))
  }

  #close() {
    this.dispatchEvent(new CustomEvent('close'))
  }
}

function isWhole(event) {
  return event.data === null || bytesOf(event).length >= event.bytes
}

function block(event, view, bytes) {
  const box = el('pre', { class: `foreign ${view}`, tabIndex: 0, 'aria-label': `Data, ${view}` })
  if (view === 'hex') box.append(hex(bytes))
  else if (view === 'raw') box.append(visible(event.data))
  else box.append(...coloured(event))
  return box
}

function coloured(event) {
  const contentType = event.attributes.datacontenttype ?? ''
  const tokens = pretty(event.data, contentType, isWhole(event))
  if (languageOf(event.data, contentType) !== 'json') return tokens.map(([text]) => visible(text))
  return tokens.map(([text, kind]) => (kind === '' ? visible(text) : el('span', { class: kind }, visible(text))))
}

customElements.define('event-detail', EventDetail)
