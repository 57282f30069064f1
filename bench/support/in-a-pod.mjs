/**
 * Preloaded into a worker (`node --import in-a-pod.mjs?FOLDER#SERVER`): what Kubernetes mounts into a pod is found in a folder of this run, so the
 * worker starts as in a cluster, without the library that reads kubeconfig files. JavaScript: stripping types would count as its memory.
 */
import { registerHooks } from 'node:module'

const { search, hash } = new URL(import.meta.url)
const moved = [
  ["'/var/run/secrets/kubernetes.io/serviceaccount'", decodeURIComponent(search.slice(1))],
  ["'https://kubernetes.default.svc'", decodeURIComponent(hash.slice(1))],
]

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context)
    if (!url.endsWith('/dist/kube/access.js')) return loaded
    const source = moved.reduce(
      (text, [usual, ours]) => {
        if (!text.includes(usual)) throw new Error(`${url} does not say ${usual}`)
        return text.replace(usual, JSON.stringify(ours))
      },
      Buffer.from(/** @type {Uint8Array | string} */ (loaded.source)).toString(),
    )
    return { ...loaded, source }
  },
})
