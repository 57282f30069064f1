import type { ResolveReference } from '../../control-plane/resolve.ts'
import type { ServiceMapping } from '../flags.ts'

/** Where references lead on a laptop: a mapped Service to its URL, everything else to the display, under `/<namespace>/<name>`. */
export function localServices(mappings: readonly ServiceMapping[], displayUrl: string): ResolveReference {
  return ({ name, namespace }) => {
    const exact = mappings.find((mapping) => mapping.name === name && mapping.namespace === namespace)
    const anywhere = mappings.find((mapping) => mapping.name === name && mapping.namespace === undefined)
    return { url: (exact ?? anywhere)?.url ?? `${displayUrl}/${namespace}/${name}` }
  }
}
