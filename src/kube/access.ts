import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** In PEM. */
export interface Certificates {
  /** Whom to trust. Absent: what Node.js trusts. */
  readonly ca?: string
  /** The client certificate, with `key`. */
  readonly cert?: string
  readonly key?: string
}

/** How to reach an API server, and as whom. */
export interface Access extends Certificates {
  /** `https://10.96.0.1:443`; a path in it is kept. Plain `http:` too, for `kubectl proxy`. */
  readonly server: string
  /** What has become of those that may change. Asked when we do not trust the API server's certificate, or it answers 401. */
  readonly certificates?: () => Promise<Certificates>
  /** Bearer token. Asked again once a minute, and at once when the API server answers 401: then `refused` is the one that it does not take. */
  readonly token?: (refused?: string) => string | Promise<string>
  /** The namespace of the pod, or of the context of a kubeconfig. */
  readonly namespace: string
  readonly skipTlsVerify?: boolean
  /** The name that the server's certificate is for, where that is not the host of `server`. */
  readonly serverName?: string
}

/**
 * What Kubernetes puts into a pod: its service account. Token and authority are read from their files each time they are asked for, as the
 * kubelet replaces them.
 * @param folder the files `token`, `ca.crt` and `namespace`
 * @throws the error of the file system when this is no pod, or automountServiceAccountToken is false.
 */
export async function inClusterAccess(
  folder = '/var/run/secrets/kubernetes.io/serviceaccount',
  server = 'https://kubernetes.default.svc',
): Promise<Access> {
  const token = async (): Promise<string> => (await readFile(join(folder, 'token'), 'utf8')).trim()
  const certificates = async () => ({ ca: await readFile(join(folder, 'ca.crt'), 'utf8') })
  const namespaceFile = readFile(join(folder, 'namespace'), 'utf8')
  const [{ ca }, namespace] = await Promise.all([certificates(), namespaceFile, token()])
  return { server, ca, certificates, namespace: namespace.trim(), token }
}
