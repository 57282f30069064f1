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
 * @property {number} [lag]
 * @property {boolean} [implied] it is not an object: somebody who may be there
 *
 * @typedef {{ from: string, to: string, kind: string }} TopologyEdge
 */

export const box = { width: 232, height: 78 }
const gap = { x: 76, y: 22 }
const margin = { top: 34, side: 14, bottom: 16 }
const columns = ['source', 'broker', 'trigger', 'subscriber']

/**
 * Layers from left to right, one a role; within a layer in the order of what leads there, so that lines cross little. Whatever flows
 * backwards (replies, a Trigger that delivers to a Broker) goes round below.
 *
 *     source ──► broker ──► trigger ──► subscriber
 *                  ▲───────────┴───────────┘
 *
 * @param {{ nodes: TopologyNode[], edges: TopologyEdge[] }} topology
 */
export function layout({ nodes, edges }) {
  const used = columns.filter((role) => nodes.some((node) => node.role === role))
  const places = new Map()
  for (const [column, role] of used.entries()) {
    const mine = nodes.filter((node) => node.role === role)
    const weight = (node) => meanRow(node, edges, places)
    const ordered = mine.map((node, i) => ({ node, i, at: weight(node) })).toSorted((a, b) => a.at - b.at || a.i - b.i)
    for (const [row, { node }] of ordered.entries()) places.set(node.id, { node, column, row })
  }
  const tallest = Math.max(0, ...used.map((role) => nodes.filter((node) => node.role === role).length))
  const inner = tallest * (box.height + gap.y) - gap.y
  const boxes = [...places.values()].map(({ node, column, row }) => {
    const count = nodes.filter(({ role }) => role === node.role).length
    const own = count * (box.height + gap.y) - gap.y
    const x = margin.side + column * (box.width + gap.x)
    return { node, x, y: margin.top + (inner - own) / 2 + row * (box.height + gap.y) }
  })
  const byId = new Map(boxes.map((each) => [each.node.id, each]))
  const known = edges.filter(({ from, to }) => byId.has(from) && byId.has(to))
  const isBack = ({ from, to }) => byId.get(from).x >= byId.get(to).x
  const backs = known.filter(isBack)
  const bottom = margin.top + Math.max(inner, 0)
  const lines = known.map((edge) => {
    const [a, b] = [byId.get(edge.from), byId.get(edge.to)]
    return { edge, d: isBack(edge) ? around(a, b, bottom + 18 + backs.indexOf(edge) * 9) : across(a, b) }
  })
  return {
    width: 2 * margin.side + used.length * (box.width + gap.x) - gap.x,
    height: bottom + margin.bottom + (backs.length === 0 ? 0 : 14 + backs.length * 9),
    columns: used.map((role, column) => ({ role, x: margin.side + column * (box.width + gap.x) })),
    boxes,
    lines,
  }
}

/** The mean row of those that lead to a node. */
function meanRow(node, edges, places) {
  const rows = edges.flatMap(({ from, to }) => (to === node.id && places.has(from) ? [places.get(from).row] : []))
  return rows.length === 0 ? 0 : rows.reduce((sum, row) => sum + row, 0) / rows.length
}

function across(a, b) {
  const [x1, y1, x2, y2] = [a.x + box.width, a.y + box.height / 2, b.x - 7, b.y + box.height / 2]
  const bend = Math.max(30, (x2 - x1) / 2)
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`
}

function around(a, b, below) {
  const [x1, y1, x2, y2] = [a.x + box.width / 2, a.y + box.height, b.x + box.width / 2, b.y + box.height + 7]
  return `M${x1} ${y1}C${x1} ${below + 20} ${x1 - 40} ${below} ${x1 - 80} ${below}L${x2 + 80} ${below}C${x2 + 40} ${below} ${x2} ${below + 20} ${x2} ${y2}`
}
