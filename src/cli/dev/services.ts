import { isMap, valueAt } from '../../api/json.ts'
import type { Manifest } from '../../api/manifest.ts'
import type { ResolveReference } from '../../control-plane/resolve.ts'
import type { ServiceMapping } from '../flags.ts'

/** On a Service: where the program listens that stands for its pods on this machine, a URL. */
export const urlAnnotation = 'dev.millrace.dev/url'

/**
 * Where references lead on a laptop: a mapped Service to its URL, one whose manifest names a URL there, everything else to the display, under
 * `/<namespace>/<name>`.
 * @param named URLs in manifests, as they are now, by `<namespace>/<name>`
 */
export function localServices(
  mappings: readonly ServiceMapping[],
  displayUrl: string,
  named: () => ReadonlyMap<string, string>,
): ResolveReference {
  return ({ name, namespace }) => {
    const exact = mappings.find((mapping) => mapping.name === name && mapping.namespace === namespace)
    const anywhere = mappings.find((mapping) => mapping.name === name && mapping.namespace === undefined)
    const own = `${namespace}/${name}`
    return { url: (exact ?? anywhere)?.url ?? named().get(own) ?? `${displayUrl}/${own}` }
  }
}

/** The URLs that Services of these manifests name, by `<namespace>/<name>`. What is no URL counts as none. */
export function namedServices(manifests: readonly Manifest[]): ReadonlyMap<string, string> {
  return new Map(
    manifests.flatMap((manifest) => {
      if (manifest.kind !== 'other' || manifest.key.kind !== 'Service') return []
      const annotations = valueAt(manifest.object, ['metadata', 'annotations'])
      const url = isMap(annotations) ? annotations[urlAnnotation] : undefined
      if (typeof url !== 'string' || !/^https?:/.test(url) || !URL.canParse(url)) return []
      return [[`${manifest.key.namespace}/${manifest.key.name}`, url]]
    }),
  )
}
