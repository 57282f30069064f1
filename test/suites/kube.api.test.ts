import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { clusterAccess } from '../../src/cli/kubeconfig/cluster-access.ts'
import { inClusterAccess, type Access } from '../../src/kube/access.ts'
import type { KubeClient } from '../../src/kube/client.ts'
import { kinds } from '../../src/kube/kinds.ts'
import { restClient } from '../../src/kube/rest.ts'
import type { TransportOptions } from '../../src/kube/transport.ts'
import type { ApiAccess } from '../support/api-server.ts'
import { sharedApiServer } from '../support/api.ts'
import { makeCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { startKubeProxy, type KubeProxy } from '../support/kube-proxy.ts'
import { codeOf, configMap, faultOf, makeNamespace, signal, versionNow, watching } from './kube/subject.ts'
import { kubeSuite, widgets, type KubeUnderTest } from './kube.suite.ts'

kubeSuite('a real API server', openRealApi)

describe('troubles of a real API server', () => {
  let subject: KubeUnderTest
  let api: ApiAccess
  let proxy: KubeProxy
  let namespace = ''
  beforeAll(async () => {
    subject = await openRealApi()
    api = await sharedApiServer()
    proxy = await startKubeProxy(api)
    namespace = await makeNamespace(subject)
  })
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]()
    await subject.close()
  })
  const client = (access: Access, options?: TransportOptions): KubeClient => {
    const opened = restClient(access, options)
    onTestFinished(() => opened.close())
    return opened
  }
  const arranged = (...args: Parameters<KubeProxy['arrange']>): void => onTestFinished(proxy.arrange(...args))
  const list = (through: KubeClient): Promise<unknown> => through.list(kinds.configMap, { namespace }, signal)
  const mine = (name: string): { namespace: string; name: string } => ({ namespace, name })

  it.each([
    [400, undefined, 'ApiRefused'],
    [401, 'Unauthorized', 'ApiForbidden'],
    [403, 'Forbidden', 'ApiForbidden'],
    [404, 'NotFound', 'ApiNotFound'],
    [409, 'Conflict', 'ApiConflict'],
    [409, 'AlreadyExists', 'ApiAlreadyExists'],
    [410, 'Expired', 'ApiGone'],
    [413, 'RequestEntityTooLarge', 'ApiRefused'],
    [422, 'Invalid', 'ApiRefused'],
    [429, 'TooManyRequests', 'ApiThrottled'],
    [500, 'InternalError', 'ApiUnavailable'],
    [503, 'ServiceUnavailable', 'ApiUnavailable'],
    [504, 'Timeout', 'ApiUnavailable'],
  ])('knows what an answer %i %s means, and repeats its words', async (status, reason, code) => {
    arranged({ path: /configmaps/ }, { status, message: 'because', ...(reason ? { reason } : {}) })
    const fault = await faultOf(list(client(proxy.access)))
    expect(fault.code).toBe(code)
    expect(fault.message).toBe(`list configmaps ${namespace}: because`)
    expect(fault.details).toMatchObject({ status })
  })

  it('passes on when to come back', async () => {
    arranged({ path: /configmaps/ }, { status: 429, reason: 'TooManyRequests', retryAfterSeconds: 7 })
    expect((await faultOf(list(client(proxy.access)))).details).toMatchObject({ retryAfterMs: 7000 })
  })

  it('says ApiUnavailable, and names the host, when nobody listens', async () => {
    const nobody = { server: 'http://127.0.0.1:1', namespace: '' }
    const fault = await faultOf(list(client(nobody)))
    expect(fault.code).toBe('ApiUnavailable')
    expect(fault.message).toContain('127.0.0.1:1')
  })

  it('does not talk to a server that it has no reason to trust', async () => {
    const { ca: _, ...access } = await clusterAccess(api.kubeconfig)
    expect(await codeOf(list(client(access)))).toBe('ApiUnavailable')
    await list(client({ ...access, skipTlsVerify: true }))
  })

  it('trusts the next certificate authority as soon as the pod has it', async () => {
    const { ca, cert, key, url } = api
    const folder = await mkdtemp(join(tmpdir(), 'millrace-rotated-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const put = (name: string, text: string) => writeFile(join(folder, name), text)
    // An authority that did not sign the server's certificate.
    await Promise.all([put('token', 'none'), put('namespace', namespace), put('ca.crt', rootCertificates[0] ?? '')])
    const { token: _, ...access } = await inClusterAccess(folder, url)
    const through = client({ ...access, ...(cert && key ? { cert, key } : {}) })
    expect(await codeOf(list(through))).toBe('ApiUnavailable')
    await put('ca.crt', ca)
    await Promise.all(Array.from({ length: 50 }, () => list(through)))
    await rm(join(folder, 'ca.crt'))
    await list(through)
  })

  it('signs in with the next client certificate of a kubeconfig as soon as it is written, whole', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-renewed-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const put = (name: string, text = '') => writeFile(join(folder, name), text)
    const config = {
      'current-context': 'here',
      contexts: [{ name: 'here', context: { cluster: 'c', user: 'u' } }],
      clusters: [{ name: 'c', cluster: { server: api.url, 'certificate-authority': 'ca.crt' } }],
      users: [{ name: 'u', user: { 'client-certificate': 'cert', 'client-key': 'key' } }],
    }
    // One that nobody knows, as one that has expired.
    const { cert, pkcs8 } = await makeCertificate('system:admin', { now: new Date() })
    const files = [put('config', JSON.stringify(config)), put('ca.crt', api.ca), put('cert', cert), put('key', pkcs8)]
    await Promise.all(files)
    const through = client(await clusterAccess(join(folder, 'config')))
    expect((await faultOf(list(through))).details).toMatchObject({ status: 401 })
    await put('cert', api.cert)
    expect((await faultOf(list(through))).details).toMatchObject({ status: 401 })
    await put('key', api.key)
    const watched = watching(through, kinds.configMap, {
      namespace,
      resourceVersion: await versionNow(subject, kinds.configMap),
    })
    await Promise.all(Array.from({ length: 50 }, () => list(through)))
    await subject.client.create(kinds.configMap, configMap(mine('renewed')), signal)
    expect(await watched.has(1)).toEqual(['added renewed'])
  })

  it('says ApiUnavailable when the connection is cut before the answer, also when the change was made', async () => {
    arranged({ method: 'GET', path: /configmaps/ }, { cut: true })
    expect(await codeOf(list(client(proxy.access)))).toBe('ApiUnavailable')
    arranged({ method: 'POST', path: /configmaps/ }, { cut: true, passOn: true }, 1)
    const created = client(proxy.access).create(kinds.configMap, configMap(mine('done')), signal)
    expect(await codeOf(created)).toBe('ApiUnavailable')
    expect(await subject.client.get(kinds.configMap, mine('done'), signal)).not.toBeNull()
  })

  it('gives up an answer that does not come in time, or when it is told to', async () => {
    arranged({ path: /configmaps/ }, { hang: true })
    expect(await codeOf(list(client(proxy.access, { requestTimeoutMs: 300 })))).toBe('ApiUnavailable')
    const asked = client(proxy.access).list(kinds.configMap, {}, AbortSignal.timeout(300))
    expect(await codeOf(asked)).toBe('Closed')
  })

  it('works again as soon as the server is back', async () => {
    const through = client(proxy.access)
    await list(through)
    await proxy.down()
    expect(await codeOf(list(through))).toBe('ApiUnavailable')
    await proxy.up()
    await list(through)
  })

  it('takes a watch for broken when it is cut', async () => {
    const resourceVersion = await versionNow(subject, kinds.configMap)
    const watched = watching(client(proxy.access), kinds.configMap, { namespace, resourceVersion })
    await subject.client.create(kinds.configMap, configMap(mine('before-the-cut')), signal)
    await watched.has(1)
    proxy.cut()
    expect(await watched.ended).toBe('ApiUnavailable')
  })

  it('takes a watch for broken when it is silent for too long: a half-open connection says nothing', async () => {
    const resourceVersion = await versionNow(subject, kinds.configMap)
    const through = client(proxy.access)
    const watched = watching(through, kinds.configMap, { namespace, resourceVersion, silenceMs: 4_000 })
    await subject.client.create(kinds.configMap, configMap(mine('before-the-silence')), signal)
    await watched.has(1)
    proxy.forget()
    await subject.client.create(kinds.configMap, configMap(mine('in-the-silence')), signal)
    expect(await watched.ended).toBe('ApiUnavailable')
    expect(await watched.has(1)).toEqual(['added before-the-silence'])
    const seen = watched.objects().at(-1)?.metadata.resourceVersion ?? ''
    const next = watching(through, kinds.configMap, { namespace, resourceVersion: seen })
    expect(await next.has(1)).toEqual(['added in-the-silence'])
  })

  it('does not count watches among the connections for requests', async () => {
    const through = client(proxy.access, { maxConnections: 1 })
    const resourceVersion = await versionNow(subject, kinds.configMap)
    const open = [1, 2, 3].map(() => watching(through, kinds.configMap, { namespace, resourceVersion }))
    await through.create(kinds.configMap, configMap(mine('beside-watches')), signal)
    for (const watched of open) expect(await watched.has(1)).toEqual(['added beside-watches'])
    await Promise.all(Array.from({ length: 20 }, () => list(through)))
  })

  describe('an account without rights', () => {
    const account = (name: string): Promise<unknown> =>
      subject.client.create(
        kinds.serviceAccount,
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: mine(name) },
        signal,
      )
    const tokenOf = async (name: string): Promise<string> => {
      const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: mine(name), spec: {} }
      const { status } = (await subject.client.create(kinds.serviceAccount, request, signal, {
        subresource: 'token' as 'status',
      })) as unknown as { status: { token: string } }
      return status.token
    }
    const byToken = async (token: () => string): Promise<Access> => {
      const { cert: _, key: __, ...access } = await clusterAccess(api.kubeconfig)
      return { ...access, token }
    }

    it('gets ApiForbidden, with who may not do what', async () => {
      await account('nobody')
      const token = await tokenOf('nobody')
      const fault = await faultOf(list(client(await byToken(() => token))))
      expect(fault.code).toBe('ApiForbidden')
      expect(fault.message).toContain(`system:serviceaccount:${namespace}:nobody`)
      expect(fault.details).toMatchObject({ status: 403 })
    })

    it('is asked for its token again, once, when the one it has is not accepted', async () => {
      await account('renewed')
      const good = await tokenOf('renewed')
      const tokens = ['expired', good]
      let asked = 0
      const through = client(await byToken(() => tokens[asked++] ?? good))
      expect((await faultOf(list(through))).details).toMatchObject({ status: 403 })
      expect(asked).toBe(2)
      expect((await faultOf(list(through))).details).toMatchObject({ status: 403 })
      expect(asked).toBe(2)
      let wrong = 0
      const never = client(await byToken(() => `wrong-${(wrong += 1)}`))
      expect((await faultOf(list(never))).details).toMatchObject({ status: 401 })
      expect(wrong).toBe(2)
    })

    it('reaches the server with the files that a pod has', async () => {
      await account('pod')
      const folder = await mkdtemp(join(tmpdir(), 'millrace-account-'))
      onTestFinished(() => rm(folder, { recursive: true }))
      const files = { token: `${await tokenOf('pod')}\n`, 'ca.crt': api.ca, namespace }
      for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content)
      const access = await inClusterAccess(folder, api.url)
      expect(access.namespace).toBe(namespace)
      const through = client(access)
      expect((await faultOf(list(through))).message).toContain(`system:serviceaccount:${namespace}:pod`)
      await account('pod-2')
      await writeFile(join(folder, 'token'), await tokenOf('pod-2'))
      expect((await faultOf(list(client(access)))).message).toContain(`system:serviceaccount:${namespace}:pod-2`)
    })
  })

  it('reads a kubeconfig: its context, its certificates, its token; and says what is wrong with one', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-kubeconfig-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const write = async (name: string, user: object, cluster: object = {}): Promise<string> => {
      const config = {
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'here',
        contexts: [{ name: 'here', context: { cluster: 'c', user: 'u', namespace: 'shop' } }],
        clusters: [{ name: 'c', cluster: { server: api.url, ...cluster } }],
        users: [{ name: 'u', user }],
      }
      const path = join(folder, name)
      await writeFile(path, JSON.stringify(config))
      return path
    }
    const token = await clusterAccess(await write('token', { token: 'abc' }, { 'insecure-skip-tls-verify': true }))
    expect(token).toMatchObject({ server: api.url, namespace: 'shop', skipTlsVerify: true })
    expect(await token.token?.()).toBe('abc')
    const plugin = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'sh',
      args: [
        '-c',
        `echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"by-plugin"}}'`,
      ],
      interactiveMode: 'Never',
    }
    const executed = await clusterAccess(await write('exec', { exec: plugin }))
    expect(await executed.token?.()).toBe('by-plugin')
    const failing = clusterAccess(
      await write('fails', { exec: { ...plugin, args: ['-c', 'echo expired >&2; exit 1'] } }),
    )
    expect((await faultOf(failing)).message).toContain(`kubeconfig ${join(folder, 'fails')}: no credentials: expired`)
    expect(await codeOf(clusterAccess(join(folder, 'missing')))).toBe('ApiRefused')
    expect(await codeOf(clusterAccess(await write('basic', { username: 'u', password: 'p' })))).toBe('ApiRefused')
    await list(client(await clusterAccess(api.kubeconfig)))
  })
})

async function openRealApi(): Promise<KubeUnderTest> {
  const access = await clusterAccess((await sharedApiServer()).kubeconfig)
  const clients = [restClient(access)]
  const [client] = clients as [KubeClient]
  await installWidgets(client)
  return {
    client,
    another: () => {
      const another = restClient(access)
      clients.push(another)
      return another
    },
    // The API server can go back no further than to when it learned of the kind.
    tooOldVersion: () => Promise.resolve('1'),
    close: () => {
      for (const one of clients) one.close()
      return Promise.resolve()
    },
  }
}

async function installWidgets(client: KubeClient): Promise<void> {
  const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
  const numbers = { mine: { type: 'integer' }, theirs: { type: 'integer' } }
  const spec = { ...anything, properties: { box: { type: 'object', properties: numbers } } }
  const crd = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${widgets.plural}.${widgets.group}` },
    spec: {
      group: widgets.group,
      scope: 'Namespaced',
      names: { plural: widgets.plural, singular: 'widget', kind: widgets.kind },
      versions: [
        {
          name: widgets.version,
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: { openAPIV3Schema: { type: 'object', properties: { spec, status: anything } } },
        },
      ],
    },
  }
  await client.apply(kinds.crd, crd, 'suite', signal)
  await eventually('widgets are served', () => client.list(widgets, { limit: 1 }, signal))
}
