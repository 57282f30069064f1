import { readFile } from 'node:fs/promises'

/** What resolv.conf(5) says of this machine; nothing where there is none. */
export function readResolvConf(): Promise<string> {
  return readFile('/etc/resolv.conf', 'utf8').catch(() => '')
}

/**
 * The domain of the cluster whose pod has this resolv.conf: Kubernetes lets its names be looked up in `<namespace>.svc.<domain>`, `svc.<domain>`
 * and `<domain>`. Of several `search` lines the last one counts. Absent: this is no pod, or one that does not use the DNS of the cluster.
 * @see https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#namespaces-of-services
 */
export function clusterDomainIn(resolvConf: string): string | undefined {
  const search = resolvConf.split('\n').findLast((line) => /^search\s/.test(line)) ?? ''
  const entry = search.split(/\s+/).find((name) => /^svc\.[a-z0-9]/.test(name))
  return entry?.slice('svc.'.length).replace(/\.$/, '')
}
