import { box, layout } from './topology-layout.js'
import { el, line, number } from './text.js'

const everyMs = 1_000
const titles = { source: 'Sources', broker: 'Brokers', trigger: 'Triggers', subscriber: 'Subscribers' }

/** Sources, Brokers, Triggers and subscribers as a picture, and as a table; looked at once a second while it is seen. */
class TopologyView extends HTMLElement {
  /** @type {Map<string, { events: number, at: number, rate: number }>} */
  #rates = new Map()
  #timer = 0
  #note
  #picture
  #table
  /** What is drawn now: a change of anything but numbers draws anew. */
  #drawn = ''
  #update = () => {}

  connectedCallback() {
    this.#note = el('p', { class: 'notice', role: 'status', hidden: true })
    // Wider than a phone: the keyboard moves it once it has the focus.
    this.#picture = el('div', {
      class: 'picture',
      tabIndex: 0,
      role: 'region',
      'aria-label': 'Picture of the topology',
    })
    this.#table = el('div', { class: 'table' })
    this.append(this.#note, this.#picture, this.#table)
  }

  start() {
    this.stop()
    this.#timer = setInterval(() => void this.look(), everyMs)
    void this.look()
  }

  stop() {
    clearInterval(this.#timer)
  }

  async look() {
    const topology = await fetch('topology').then(
      (answer) => (answer.ok ? answer.json() : null),
      () => null,
    )
    if (topology !== null) this.#show(withSenders(topology))
  }

  #show(topology) {
    const note = line(topology.note ?? '', 1_000)
    if (this.#note.textContent !== note) this.#note.textContent = note
    this.#note.hidden = topology.note === undefined
    for (const node of topology.nodes) this.#measure(node.id, node)
    for (const edge of topology.edges) this.#measure(keyOf(edge), edge)
    const shape = JSON.stringify([
      topology.edges.map(keyOf),
      topology.note,
      topology.nodes.map((node) => [node.id, node.state, node.detail, node.reason, node.message]),
    ])
    if (shape !== this.#drawn) {
      this.#drawn = shape
      this.#draw(topology)
    }
    const edges = topology.edges.map((edge) => [keyOf(edge), edge])
    this.#update(new Map([...edges, ...topology.nodes.map((node) => [node.id, node])]))
    this.#tabulate(topology)
  }

  /** The rate of a node or an edge, of its last two counts, unless it came with one. */
  #measure(id, counted) {
    if (counted.events === undefined || counted.rate !== undefined) return
    const now = performance.now()
    const before = this.#rates.get(id)
    const seconds = before === undefined ? 0 : (now - before.at) / 1_000
    const rate = before === undefined || seconds === 0 ? 0 : Math.max(0, (counted.events - before.events) / seconds)
    this.#rates.set(id, { events: counted.events, at: now, rate })
    counted.rate = rate
  }

  #draw(topology) {
    if (topology.nodes.length === 0) {
      const why =
        topology.note === undefined ? 'There is no Broker yet: apply one, and it shows here.' : 'Nothing to draw.'
      this.#picture.replaceChildren(el('p', { class: 'none' }, why))
      this.#update = () => {}
      return
    }
    const { width, height, columns, boxes, lines } = layout(topology)
    const svg = draw('svg', {
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      role: 'img',
      'aria-label': summary(topology),
    })
    svg.append(arrow())
    for (const { role, x } of columns) svg.append(text('column', titles[role], x, 18))
    const names = new Map(topology.nodes.map((node) => [node.id, `${node.kind} ${nameOf(node)}`]))
    const paths = lines.map((each) => edgeOf(each, names))
    svg.append(...paths.map(({ path }) => path))
    const spaces = new Set(topology.nodes.map(({ namespace }) => namespace).filter(Boolean)).size
    const drawn = boxes.map((each) => ({ id: each.node.id, ...nodeOf(each, spaces) }))
    svg.append(...drawn.map(({ group }) => group), ...paths.map(({ label }) => label))
    this.#picture.replaceChildren(svg)
    this.#update = (byId) => {
      for (const { id, figure } of drawn) tell(figure, byId.get(id))
      for (const { edge, path, label, title } of paths) {
        path.classList.toggle('flowing', flows(edge, byId))
        tellEdge({ label, title }, byId.get(keyOf(edge)) ?? edge)
      }
    }
  }

  #tabulate({ nodes }) {
    this.#table.hidden = nodes.length === 0
    const head = el('tr')
    const replies = nodes.some(({ replied }) => replied > 0)
    const numbers = ['Events/s', 'Events', ...(replies ? ['Replies'] : []), 'Waiting']
    for (const name of ['Kind', 'Name', 'State', ...numbers])
      head.append(el('th', { scope: 'col', class: numbers.includes(name) ? 'number' : '' }, name))
    const body = el('tbody')
    for (const node of nodes.filter(({ implied }) => !implied)) {
      const why = trouble(node)
      body.append(
        el(
          'tr',
          {},
          el('td', {}, node.kind),
          el('td', { class: 'foreign' }, line(nameOf(node))),
          el('td', { class: node.state }, stateName(node), el('span', { class: 'muted' }, why)),
          ...[node.rate?.toFixed(1), node.events, ...(replies ? [node.replied] : []), node.lag].map((value) =>
            el('td', { class: 'number' }, shown(value)),
          ),
        ),
      )
    }
    this.#table.replaceChildren(el('table', {}, el('thead', {}, head), body))
  }
}

/** A Broker that no source is known of takes events of anybody all the same: that is drawn too, or a newcomer wonders where they come from. */
function withSenders({ nodes, edges, ...rest }) {
  const lonely = nodes.filter(
    ({ id, role }) => role === 'broker' && !edges.some(({ to, kind }) => to === id && kind === 'send'),
  )
  const senders = lonely.map((broker) => ({
    id: `sender of ${broker.id}`,
    role: 'source',
    kind: 'Any sender',
    namespace: '',
    name: 'HTTP POST',
    detail: broker.url ?? '',
    state: 'unknown',
    implied: true,
  }))
  const sends = lonely.map(({ id }) => ({ from: `sender of ${id}`, to: id, kind: 'send' }))
  return { ...rest, nodes: [...senders, ...nodes], edges: [...sends, ...edges] }
}

/** @param spaces how many namespaces there are: one goes without saying */
function nodeOf({ node, x, y }, spaces) {
  const group = draw('g', {
    class: `${node.state}${node.implied ? ' implied' : ''}`,
    transform: `translate(${x} ${y})`,
  })
  const figure = text('figure', '', 14, 70)
  const why = node.message === undefined ? '' : `\n${node.reason}: ${node.message}`
  const title = draw('title', {})
  title.textContent = `${node.kind} ${nameOf(node)}\n${node.detail ?? ''}${why}`
  group.append(
    title,
    draw('rect', { class: 'box', width: box.width, height: box.height, rx: 10 }),
    draw('circle', { class: 'lamp', cx: box.width - 16, cy: 16, r: 5 }),
    text(
      'kind',
      line(spaces > 1 && node.namespace !== '' ? `${node.kind} · ${node.namespace}` : node.kind, 28),
      14,
      21,
    ),
    text('name', line(node.name, 23), 14, 39),
    figure,
  )
  figure.before(text('detail', line(node.reason ?? node.detail ?? '', 31), 14, 55))
  return { group, figure }
}

function tell(figure, node) {
  const parts = []
  if (node?.rate !== undefined) parts.push(perSecond(node.rate))
  if (node?.events !== undefined) parts.push(`${number(node.events)} in all`)
  if (node?.lag !== undefined) parts.push(`lag ${number(node.lag)}`)
  figure.textContent = parts.join(' · ')
  figure.classList.toggle('behind', (node?.lag ?? 0) > 0)
}

function edgeOf({ edge, d, label: at }, names) {
  const path = draw('path', { class: `edge ${edge.kind}`, d, 'marker-end': 'url(#arrow)' })
  const title = draw('title', {})
  path.append(title)
  const label = text(`way ${edge.kind}`, '', at?.x ?? 0, at?.y ?? 0)
  return { edge, path, label, title: { element: title, way: line(`${names.get(edge.from)} to ${names.get(edge.to)}`) } }
}

/** Ways back have room for their figures; the others tell them to who points at them. */
function tellEdge({ label, title: { element, way } }, { kind, events, rate }) {
  const counted = events === undefined ? '' : `${perSecond(rate ?? 0)} · ${number(events)} in all`
  const words = [said[kind], counted].filter(Boolean).join(' ')
  element.textContent = `${way}\n${words}`
  label.textContent = label.getAttribute('x') === '0' ? '' : words
}

const said = {
  send: 'events',
  subscribe: 'events',
  deliver: 'deliveries',
  reply: 'replies',
  deadletter: 'dead letters',
}

const perSecond = (rate) => `${rate < 10 ? rate.toFixed(1) : number(Math.round(rate))}/s`
const keyOf = ({ from, to, kind }) => `${from} ${kind} ${to}`

/** Whether events pass here now: what a Trigger delivers comes by the line before it, too. */
function flows({ from, to, kind }, byId) {
  const rate = (id) => byId.get(id)?.rate ?? 0
  if (kind === 'reply' || kind === 'deadletter') return rate(keyOf({ from, to, kind })) > 0
  if (kind === 'deliver') return rate(from) > 0
  if (kind === 'subscribe') return rate(to) > 0
  return kind === 'send' && rate(to) > 0
}

/** Why it is not ready, or why something waits. */
function trouble({ reason, message, lag, lastError }) {
  if (message !== undefined) return ` ${line(`${reason}: ${message}`, 500)}`
  return lag > 0 && lastError !== undefined ? ` ${line(lastError, 500)}` : ''
}

const nameOf = ({ namespace, name }) => (namespace === '' || namespace === 'default' ? name : `${namespace}/${name}`)
const stateName = ({ state }) => ({ ready: 'Ready', waiting: 'not yet', failed: 'not Ready', unknown: '' })[state]
const shown = (value) => (value === undefined ? '' : typeof value === 'number' ? number(value) : value)

function summary({ nodes, edges }) {
  const name = new Map(nodes.map((node) => [node.id, `${node.kind} ${nameOf(node)}`]))
  const ways = edges.slice(0, 40).map(({ from, to, kind }) => {
    const what = { reply: 'replies of ', deadletter: 'dead letters of ' }[kind] ?? ''
    return `${what}${name.get(from)} to ${name.get(to)}`
  })
  return `Topology: ${ways.join('; ') || nodes.map(({ id }) => name.get(id)).join('; ')}`
}

function draw(tag, attributes) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  return element
}

function text(className, content, x, y) {
  const element = draw('text', { class: className, x, y })
  element.textContent = content
  return element
}

function arrow() {
  const marker = draw('marker', {
    id: 'arrow',
    viewBox: '0 0 8 8',
    refX: 5,
    refY: 4,
    markerWidth: 7,
    markerHeight: 7,
    orient: 'auto',
    markerUnits: 'userSpaceOnUse',
  })
  marker.append(draw('path', { d: 'M0 0L8 4L0 8z', fill: 'context-stroke' }))
  const defs = draw('defs', {})
  defs.append(marker)
  return defs
}

customElements.define('topology-view', TopologyView)
