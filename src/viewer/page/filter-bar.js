import { el, line, number, serviceName } from './text.js'

const familiar = ['type', 'source', 'subject', 'id', 'time', 'datacontenttype', 'dataschema', 'partitionkey']
const dialects = ['exact', 'prefix', 'suffix', 'cesql']
const labels = { exact: 'is', prefix: 'begins with', suffix: 'ends with', cesql: 'CESQL' }
/** Somebody is still typing. */
const restMs = 250

/**
 * What is asked for. The viewer judges and evaluates it, so that only what fits comes here:
 *
 *     fields ── rest ──► GET filter?… ── right ──► `asked` with the query
 *                                     └─ wrong ──► the sentence stands below its field; the last right filter stays in force
 */
class FilterBar extends HTMLElement {
  #find
  #rows
  #services
  #to = ''
  /** @type {Map<string, number>} */
  #counts = new Map()
  #timer = 0
  #asked = 0
  #inForce = ''

  connectedCallback() {
    this.#find = el('input', {
      class: 'find',
      type: 'search',
      placeholder: 'Find in attributes and data',
      'aria-label': 'Find in attributes and data',
      autocomplete: 'off',
      oninput: () => this.#soon(),
    })
    const add = el('button', { type: 'button', class: 'add', title: 'f', onclick: () => this.add() }, '+ Filter')
    this.#rows = el('div', { class: 'rows' })
    this.#services = el('div', { class: 'services', role: 'group', 'aria-label': 'Show only events for', hidden: true })
    const names = el('datalist', { id: 'attribute-names' }, ...familiar.map((value) => el('option', { value })))
    this.append(el('div', { class: 'line' }, this.#find, add), this.#rows, this.#services, names)
  }

  focusFind() {
    this.#find.focus()
    this.#find.select()
  }

  get isEmpty() {
    return this.#inForce === ''
  }

  clear() {
    this.#find.value = ''
    this.#rows.replaceChildren()
    this.#to = ''
    this.#drawServices()
    void this.#ask()
  }

  /** @param {{ dialect: string, attribute?: string, value: string }} [given] */
  add(given) {
    if (given?.dialect === 'to') return this.#only(given.value)
    const row = this.#row(given ?? { dialect: 'exact', attribute: 'type', value: '' })
    this.#rows.append(row)
    if (given === undefined) row.querySelector('.value').focus()
    else void this.#ask()
  }

  /** @param {readonly (readonly [string, number])[]} counts events for each path */
  set paths(counts) {
    this.#counts = new Map(counts)
    this.#drawServices()
  }

  #row({ dialect, attribute = 'type', value }) {
    const soon = () => this.#soon()
    const name = el('input', {
      class: 'attribute',
      value: attribute,
      'aria-label': 'Attribute',
      autocomplete: 'off',
      spellcheck: false,
      oninput: soon,
    })
    name.setAttribute('list', 'attribute-names')
    const choice = el(
      'select',
      { 'aria-label': 'Dialect' },
      ...dialects.map((each) => el('option', { value: each }, labels[each])),
    )
    choice.value = dialect
    const text = el('input', {
      class: 'value',
      value,
      'aria-label': 'Value',
      autocomplete: 'off',
      spellcheck: false,
      oninput: soon,
    })
    const remove = el(
      'button',
      { type: 'button', class: 'icon', 'aria-label': 'Remove this filter', onclick: () => (row.remove(), this.#ask()) },
      '✕',
    )
    const row = el('div', { class: 'line' }, name, choice, text, remove)
    const shape = () => {
      const isCesql = choice.value === 'cesql'
      name.hidden = isCesql
      text.classList.toggle('cesql', isCesql)
      text.placeholder = isCesql ? "type = 'order.created' AND EXISTS priority" : 'value'
      text.setAttribute('aria-label', isCesql ? 'CloudEvents SQL expression' : 'Value')
    }
    choice.addEventListener('change', () => {
      shape()
      void this.#ask()
    })
    shape()
    return row
  }

  #soon() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#ask(), restMs)
  }

  /** Each field with what it asks, in the order of the query. @returns {{ row: HTMLElement, parameter: string, value: string }[]} */
  #parts() {
    const parts = []
    if (this.#find.value !== '')
      parts.push({ row: this.#find.parentElement, parameter: 'text', value: this.#find.value })
    for (const row of this.#rows.children) {
      const [name, choice, text] = row.children
      if (text.value === '') continue
      const value = choice.value === 'cesql' ? text.value : `${name.value.trim()}:${text.value}`
      parts.push({ row, parameter: choice.value, value })
    }
    if (this.#to !== '') parts.push({ row: this.#services, parameter: 'to', value: this.#to })
    return parts
  }

  async #ask() {
    clearTimeout(this.#timer)
    const parts = this.#parts()
    const query = new URLSearchParams(parts.map(({ parameter, value }) => [parameter, value]))
    const asked = (this.#asked += 1)
    const problems = await this.#problems(query)
    // Meanwhile somebody typed on.
    if (asked !== this.#asked || problems === null) return
    this.#drawProblems(parts, problems)
    if (problems.length > 0 || query.toString() === this.#inForce) return
    this.#inForce = query.toString()
    this.dispatchEvent(new CustomEvent('asked', { detail: query }))
  }

  async #problems(query) {
    if (query.size === 0) return []
    const answer = await fetch(`filter?${query}`).catch(() => null)
    return answer?.ok ? (await answer.json()).problems : null
  }

  #drawProblems(parts, problems) {
    for (const row of this.#rows.children) {
      row.querySelector('.problem')?.remove()
      const field = row.querySelector('.value')
      field.removeAttribute('aria-invalid')
      field.removeAttribute('aria-describedby')
    }
    for (const { index, message } of problems) {
      const row = parts[index]?.row
      const field = row?.querySelector('.value') ?? this.#find
      const id = `problem-${index}`
      field.setAttribute('aria-invalid', 'true')
      field.setAttribute('aria-describedby', id)
      const problem = el('p', { class: 'problem', id, role: 'alert' }, message)
      if (row === undefined) this.#rows.append(problem)
      else row.append(problem)
    }
  }

  #only(path) {
    this.#to = this.#to === path ? '' : path
    this.#drawServices()
    void this.#ask()
  }

  #drawServices() {
    this.#services.hidden = this.#counts.size < 2 && this.#to === ''
    const had = document.activeElement?.dataset?.path
    this.#services.replaceChildren(
      ...[...this.#counts].map(([path, count]) => {
        const pressed = String(path === this.#to)
        const label = `${line(serviceName(path), 60)} · ${number(count)}`
        const chip = el(
          'button',
          {
            type: 'button',
            class: 'foreign',
            'aria-pressed': pressed,
            title: line(path),
            onclick: () => this.#only(path),
          },
          label,
        )
        chip.dataset.path = path
        return chip
      }),
    )
    if (had !== undefined) [...this.#services.children].find((chip) => chip.dataset.path === had)?.focus()
  }
}

customElements.define('filter-bar', FilterBar)
