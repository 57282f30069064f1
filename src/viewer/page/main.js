import { Connection } from './connection.js'
import './empty-state.js'
import './event-detail.js'
import './event-list.js'
import { Events } from './events.js'
import './filter-bar.js'
import { keys } from './keys.js'
import './rate-timeline.js'
import { theme } from './theme.js'
import { number, plural, toast } from './text.js'
import './topology-view.js'

//   EventSource ─► arrived ─── paused: held, bounded, counted ──┐
//                     │ once a frame                            │ go on
//                     ▼                                         ▼
//                  events, bounded ─► list (rows that are seen) ─► detail
const $ = (selector) => document.querySelector(selector)
const [list, detail, filter, timeline, empty, topology] = [
  'event-list',
  'event-detail',
  'filter-bar',
  'rate-timeline',
  'empty-state',
  'topology-view',
].map($)
const [state, pause, notice] = ['#state', '#pause', '#notice'].map($)

const events = new Events()
/** Arrived and not shown yet, oldest first. */
let arrived = []
let due = 0
let paused = false
/** How many came while it was paused; of these the newest are held. */
let held = 0
let kept = 2_000
let run = ''
let connected = 'connecting…'
/** Whether what was there before has come, so that an empty list is empty. */
let settled = false
/** Of all that the viewer got. */
let total = 0
/** Brokers by the path of the subscriber that they lead to, null where several do, and the first one. */
let addresses = { byPath: new Map(), first: null }

list.events = events
detail.addressOf = ({ to }) => {
  const known = addresses.byPath.has(to) ? addresses.byPath.get(to) : addresses.first
  return known ?? new URL('./', location.href).href
}

const connection = new Connection({
  hello(hello) {
    run = hello.run
    total = hello.total
    settled = total === 0
    kept = hello.kept
    events.limit = kept
    timeline.history = hello.history
    filter.paths = hello.paths
    $('.tabs').hidden = !hello.topology
    detail.lineage = hello.lineage ? new URL('./', location.href).origin : null
    if (hello.topology) void learnAddresses()
    tell()
  },
  event(event) {
    timeline.count()
    arrived.push(event)
    if (paused) held += 1
    if (arrived.length > kept) arrived.splice(0, arrived.length - kept)
    due ||= requestAnimationFrame(draw)
  },
  missed(count) {
    notice.textContent = `${plural(count, 'event')} came faster than this page could take them, and are left out.`
    notice.hidden = false
  },
  tick(tick) {
    total = tick.total
    settled = true
    timeline.tick(tick.rate)
    if (tick.paths !== undefined) filter.paths = tick.paths
    tell()
  },
  state(now) {
    connected = now
    tell()
  },
})

function draw() {
  due = 0
  if (!paused && arrived.length > 0) {
    const fresh = arrived
    arrived = []
    events.add(fresh)
    list.update(fresh.length)
  }
  tell()
}

/** A page in the background draws nothing: what it holds is bounded all the same. */
function tell() {
  state.className = `state ${connected === 'lost' ? 'lost' : paused ? 'paused' : connected}`
  const said = { live: 'live', lost: 'not connected, trying again…' }[connected] ?? connected
  const status = connected === 'live' && paused ? 'paused' : said
  state.textContent = total === 0 ? status : `${status} · ${plural(total, 'event')}`
  pause.textContent = !paused ? 'Pause' : held > 0 ? `Go on (${number(held)} new)` : 'Go on'
  pause.setAttribute('aria-pressed', String(paused))
  document.title = total === 0 ? 'Millrace events' : `(${number(total)}) Millrace events`
  if (events.length > 0 || arrived.length > 0) empty.hidden = true
  else if (empty.hidden && settled) showEmpty()
}

function showEmpty() {
  if (filter.isEmpty) empty.welcome(addresses.first ?? new URL('./', location.href).href)
  else empty.nothingFits(() => filter.clear())
}

function setPaused(now) {
  paused = now
  held = 0
  draw()
}

function clearList() {
  events.clear()
  arrived = []
  held = 0
  notice.hidden = true
  empty.hidden = true
  list.follow()
  list.update(0)
}

async function learnAddresses() {
  const { nodes, edges } = await fetch('topology').then(
    (answer) => (answer.ok ? answer.json() : { nodes: [], edges: [] }),
    () => ({ nodes: [], edges: [] }),
  )
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const brokerOf = (trigger) => byId.get(edges.find(({ to, kind }) => kind === 'subscribe' && to === trigger)?.from)
  const byPath = new Map()
  for (const { from, to, kind } of edges) {
    const url = byId.get(to)?.url
    const broker = brokerOf(from)?.url
    if (kind !== 'deliver' || url === undefined || broker === undefined) continue
    const path = new URL(url).pathname
    byPath.set(path, !byPath.has(path) || byPath.get(path) === broker ? broker : null)
  }
  addresses = { byPath, first: nodes.find(({ role, url }) => role === 'broker' && url !== undefined)?.url ?? null }
  if (!empty.hidden) showEmpty()
}

function openTab(name) {
  for (const tab of ['events', 'topology']) {
    $(`#${tab}`).hidden = tab !== name
    $(`#tab-${tab}`).setAttribute('aria-selected', String(tab === name))
    $(`#tab-${tab}`).tabIndex = tab === name ? 0 : -1
  }
  if (name === 'topology') topology.start()
  else topology.stop()
  history.replaceState(null, '', name === 'topology' ? '#topology' : './')
}

const isTopology = () => !$('#topology').hidden
const toggleTab = () => !$('.tabs').hidden && openTab(isTopology() ? 'events' : 'topology')

list.addEventListener('pick', ({ detail: event }) => {
  if (event !== null && addresses.first === null && !$('.tabs').hidden) void learnAddresses()
  void detail.show(event, run)
})
list.addEventListener('enter', () => detail.focusFirst())
const closeDetail = () => {
  list.follow()
  list.focusList()
}
detail.addEventListener('close', closeDetail)
detail.addEventListener('filter', ({ detail: asked }) => {
  filter.add(asked)
  toast('Filter added')
})
filter.addEventListener('asked', ({ detail: query }) => {
  timeline.filtered = query.size > 0
  settled = false
  clearList()
  connection.open(query)
})
pause.addEventListener('click', () => setPaused(!paused))
$('#clear').addEventListener('click', clearList)
$('#help-open').addEventListener('click', () => $('#help').showModal())
for (const name of ['events', 'topology']) $(`#tab-${name}`).addEventListener('click', () => openTab(name))
$('.tabs').addEventListener('keydown', (key) => {
  if (key.key !== 'ArrowLeft' && key.key !== 'ArrowRight') return
  toggleTab()
  $(isTopology() ? '#tab-topology' : '#tab-events').focus()
})
theme($('#theme'), (said) => {
  toast(said)
  timeline.draw()
})
keys({
  find: () => filter.focusFind(),
  filter: () => filter.add(),
  pause: () => setPaused(!paused),
  help: () => $('#help').showModal(),
  tab: toggleTab,
  copy: () => detail.copyCurl(),
  move: (by) => (list.move(by), list.focusList()),
  newest: () => list.follow(),
  escape: () => (detail.hidden ? filter.clear() : closeDetail()),
})
if (location.hash === '#topology') openTab('topology')
connection.open(new URLSearchParams())
