/** What is around a display, as far as we read it: `GET /topology`. */
export interface Topology {
  readonly nodes: readonly Node[]
  readonly edges: readonly { readonly from: string; readonly to: string; readonly kind: string }[]
}

interface Node {
  readonly id: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly url?: string
}

/**
 * To which paths of the display the events of a Broker or Trigger are delivered, and to which URLs elsewhere; null: there is no such object.
 *
 *     Broker ── subscribe ──► Trigger ── deliver ──► subscriber (url)
 */
export function pathsOf(
  { nodes, edges }: Topology,
  wanted: { readonly kind: string; readonly namespace: string; readonly name: string },
  display: string,
): { readonly paths: ReadonlySet<string>; readonly elsewhere: readonly string[] } | null {
  const found = nodes.find(({ kind, namespace, name }) => {
    return kind === wanted.kind && namespace === wanted.namespace && name === wanted.name
  })
  if (found === undefined) return null
  const after = (ids: readonly string[], kind: string) =>
    edges.filter((edge) => edge.kind === kind && ids.includes(edge.from)).map(({ to }) => to)
  const triggers = found.kind === 'Broker' ? after([found.id], 'subscribe') : [found.id]
  const subscribers = after(triggers, 'deliver')
  const urls = nodes.filter(({ id }) => subscribers.includes(id)).flatMap(({ url }) => (url === undefined ? [] : [url]))
  const seen = urls.filter((url) => URL.canParse(url) && new URL(url).origin === new URL(display).origin)
  return {
    paths: new Set(seen.map((url) => new URL(url).pathname)),
    elsewhere: [...new Set(urls.filter((url) => !seen.includes(url)))],
  }
}
