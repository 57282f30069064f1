/**
 * @typedef {object} TopologyNode
 * @property {string} id
 * @property {'source' | 'broker' | 'trigger' | 'subscriber'} role
 * @property {string} kind
 * @property {string} namespace
 * @property {string} name
 * @property {string} [detail]
 * @property {string} [url]
 * @property {'ready' | 'waiting' | 'failed' | 'unknown'} state
 * @property {string} [reason]
 * @property {string} [message]
 * @property {number} [events]
 * @property {number} [rate]
 * @property {number} [lag]
 * @property {number} [replied]
 * @property {string} [lastError]
 * @property {boolean} [implied] it is not an object: somebody who may be there
 *
 * @typedef {{ from: string, to: string, kind: string, events?: number }} TopologyEdge
 */

export const box = { width: 232, height: 78 }
const gap = { x: 76, y: 22 }
const margin = { top: 34, side: 14, bottom: 16 }
const columns = ['source', 'broker', 'trigger', 'subscriber']
/** Of ways back: between two of them, and how many fit between two columns. */
const lane = { y: 20, x: 7, most: 7, corner: 8 }

/**
 * Layers from left to right, one a role; within a layer in the order of what leads there, so that lines cross little. Whatever flows
 * backwards (replies, a Trigger that delivers to a Broker) has a lane of its own, round below all boxes, so that it passes behind none:
 *
 *     source ──► broker ──► trigger ──► subscriber ─┐
 *            ┌─►   └──────► trigger ──► subscriber  │
 *            └──────────── replies ─────────────────┘
 *
 * @param {{ nodes: TopologyNode[], edges: TopologyEdge[] }} topology
 */
export function layout({ nodes, edges }) {
  const used = columns.filter((role) => nodes.some((node) => node.role === role))
  const { places, tallest } = placed(nodes, edges, used)
  const inner = Math.max(0, tallest * (box.height + gap.y) - gap.y)
  const ids = new Set(places.map(({ node }) => node.id))
  const known = edges.filter(({ from, to }) => ids.has(from) && ids.has(to))
  const columnOf = new Map(places.map(({ node, column }) => [node.id, column]))
  const isBack = ({ from, to }) => columnOf.get(from) >= columnOf.get(to)
  const backs = known.filter(isBack)
  // Ways back turn beside the first and the last column.
  const side = margin.side + (backs.length === 0 ? 0 : 12 + Math.min(backs.length, lane.most) * lane.x)
  const boxes = places.map(({ node, column, row, count }) => {
    const own = count * (box.height + gap.y) - gap.y
    const x = side + column * (box.width + gap.x)
    return { node, x, y: margin.top + (inner - own) / 2 + row * (box.height + gap.y) }
  })
  const byId = new Map(boxes.map((each) => [each.node.id, each]))
  const bottom = margin.top + inner
  const lines = known.map((edge) => {
    const [a, b] = [byId.get(edge.from), byId.get(edge.to)]
    return { edge, ...(isBack(edge) ? around(a, b, backs.indexOf(edge), bottom) : { d: across(a, b), label: null }) }
  })
  return {
    width: 2 * side + used.length * (box.width + gap.x) - gap.x,
    height: bottom + margin.bottom + (backs.length === 0 ? 0 : 18 + backs.length * lane.y),
    columns: used.map((role, column) => ({ role, x: side + column * (box.width + gap.x) })),
    boxes,
    lines,
  }
}

/** Which column and row each node has. */
function placed(nodes, edges, used) {
  const rows = new Map()
  const places = []
  let tallest = 0
  for (const [column, role] of used.entries()) {
    const mine = nodes.filter((node) => node.role === role)
    const ordered = mine
      .map((node, i) => ({ node, i, at: meanRow(node, edges, rows) }))
      .toSorted((a, b) => a.at - b.at || a.i - b.i)
    for (const [row, { node }] of ordered.entries()) {
      rows.set(node.id, row)
      places.push({ node, column, row, count: mine.length })
    }
    tallest = Math.max(tallest, mine.length)
  }
  return { places, tallest }
}

/** The mean row of those that lead to a node. */
function meanRow(node, edges, rows) {
  const before = edges.flatMap(({ from, to }) => (to === node.id && rows.has(from) ? [rows.get(from)] : []))
  return before.length === 0 ? 0 : before.reduce((sum, row) => sum + row, 0) / before.length
}

function across(a, b) {
  const [x1, y1, x2, y2] = [a.x + box.width, a.y + box.height / 2, b.x - 7, b.y + box.height / 2]
  const bend = Math.max(30, (x2 - x1) / 2)
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`
}

/** Out at the right, down, back below all boxes, up, and in from the left; `label`: where its figures stand, above the lane. */
function around(a, b, index, bottom) {
  const aside = 12 + (index % lane.most) * lane.x
  const [x1, y1, x2, y2] = [a.x + box.width, a.y + box.height - 18, b.x - 7, b.y + box.height - 18]
  const [right, left, below] = [x1 + aside, b.x - 12 - aside, bottom + 26 + index * lane.y]
  const r = lane.corner
  const d = [
    `M${x1} ${y1}H${right - r}Q${right} ${y1} ${right} ${y1 + r}V${below - r}Q${right} ${below} ${right - r} ${below}`,
    `H${left + r}Q${left} ${below} ${left} ${below - r}V${y2 + r}Q${left} ${y2} ${left + r} ${y2}H${x2}`,
  ].join('')
  return { d, label: { x: (b.x + x1) / 2, y: below - 5 } }
}
