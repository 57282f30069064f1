import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { stringify } from 'yaml'
import { clusterAccess } from './cluster-access.ts'

afterEach(() => vi.unstubAllEnvs())

/** A kubeconfig with a context for each user. */
function kubeconfig(users: Readonly<Record<string, object>>, cluster: object): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-kubeconfig-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const named = Object.entries(users)
  const config = {
    'current-context': named[0]?.[0],
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:6443', ...cluster } }],
    contexts: named.map(([name]) => ({ name, context: { cluster: 'c', user: name, namespace: 'shop' } })),
    users: named.map(([name, user]) => ({ name, user })),
  }
  const texts = { config: stringify(config), 'ca.pem': 'CA', 'cert.pem': 'CERT', 'key.pem': 'KEY', token: 'first\n' }
  for (const [name, content] of Object.entries(texts)) writeFileSync(join(folder, name), content)
  return join(folder, 'config')
}

test('certificates by path, relative to the kubeconfig', async () => {
  const user = { 'client-certificate': 'cert.pem', 'client-key': 'key.pem' }
  const path = kubeconfig({ user }, { 'certificate-authority': 'ca.pem' })
  const server = 'https://127.0.0.1:6443'
  const { certificates, ...access } = await clusterAccess(path)
  expect(access).toEqual({ server, namespace: 'shop', ca: 'CA', cert: 'CERT', key: 'KEY' })
  writeFileSync(join(path, '..', 'cert.pem'), 'RENEWED')
  expect(await certificates?.()).toEqual({ ca: 'CA', cert: 'RENEWED', key: 'KEY' })
})

test('a token from a file goes before one in the kubeconfig, and is read again, as kubectl has it', async () => {
  const users = { file: { tokenFile: 'token' }, both: { token: 'own', tokenFile: 'token' }, own: { token: 'own' } }
  const path = kubeconfig(users, { 'insecure-skip-tls-verify': true })
  const [file, both, own] = await Promise.all(Object.keys(users).map((name) => clusterAccess(path, name)))
  expect(await Promise.all([file, both, own].map(async (access) => access?.token?.()))).toEqual([
    'first',
    'first',
    'own',
  ])
  writeFileSync(join(path, '..', 'token'), 'second')
  expect(await file?.token?.()).toBe('second')
  expect(own?.skipTlsVerify).toBe(true)
})

test('of several files each is read with its own folder, and what the first of them says counts', async () => {
  const [first, second] = [
    kubeconfig({ one: { tokenFile: 'token' } }, {}),
    kubeconfig({ one: { token: 'hidden' }, two: { tokenFile: 'token' } }, { server: 'https://127.0.0.1:1' }),
  ]
  writeFileSync(join(second, '..', 'token'), 'of the second')
  vi.stubEnv('KUBECONFIG', [first, second].join(delimiter))
  const [current, other] = [await clusterAccess(), await clusterAccess(undefined, 'two')]
  expect(await Promise.all([current.token?.(), other.token?.()])).toEqual(['first', 'of the second'])
  expect([current.server, other.server]).toEqual(['https://127.0.0.1:6443', 'https://127.0.0.1:6443'])
})

test('of several files those that are not there are left out, whatever the others hold', async () => {
  const plugin = { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'false', interactiveMode: 'Never' } }
  const [first, second] = [kubeconfig({ one: { tokenFile: 'token' } }, {}), kubeconfig({ one: plugin }, {})]
  const missing = join(first, '..', 'missing')
  vi.stubEnv('KUBECONFIG', [missing, first, second].join(delimiter))
  expect(await (await clusterAccess()).token?.()).toBe('first')
  await expect(clusterAccess(missing)).rejects.toThrow(`kubeconfig ${missing}: there is no such file`)
  vi.stubEnv('KUBECONFIG', missing)
  await expect(clusterAccess()).rejects.toThrow(/nothing says how to reach a cluster/)
})

test('a credential plugin stands beside its kubeconfig, and is asked again when what it gave is refused', async () => {
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: './plugin', interactiveMode: 'Never' }
  const path = kubeconfig({ user: { exec } }, {})
  const gives = (token: string): void => {
    const credential = JSON.stringify({ kind: 'ExecCredential', status: { token } })
    writeFileSync(join(path, '..', 'plugin'), `#!/bin/sh\necho '${credential}'\n`, { mode: 0o755 })
  }
  gives('first')
  const access = await clusterAccess(path)
  gives('second')
  expect([await access.token?.(), await access.token?.('first'), await access.token?.()]).toEqual([
    'first',
    'second',
    'second',
  ])
})

test('what is empty is not there', async () => {
  const user = { username: '', password: '', as: '', 'as-groups': [], exec: null, token: 'own', tokenFile: '' }
  expect(await (await clusterAccess(kubeconfig({ user }, { 'proxy-url': '' }))).token?.()).toBe('own')
})

test.each([
  [{ as: 'somebody' }, {}, /to act as another user \(as\) is not supported/],
  [{ username: 'u', password: 'p' }, {}, /user name and password are not supported/],
  [{ tokenFile: 'nowhere' }, {}, /no credentials: ENOENT.*nowhere/],
  [{ exec: { command: 'false' } }, {}, /no credentials: the credential plugin failed, and did not say why/],
  [{}, { 'proxy-url': 'http://127.0.0.1:1' }, /proxy-url is not supported/],
  [{}, { server: '' }, /its cluster has no server/],
])('a user %j of a cluster %j is refused in words that name the file', async (user, cluster, words) => {
  const path = kubeconfig({ user }, cluster)
  await expect(clusterAccess(path)).rejects.toThrow(words)
  await expect(clusterAccess(path)).rejects.toMatchObject({
    code: 'ApiRefused',
    message: expect.stringContaining(path),
  })
})

test.each([
  ['a: [', /line 1: the YAML is broken/],
  ['- 1', /this is no kubeconfig/],
  ['{}', /it says no current context: kubectl config use-context/],
  ['', /it says no current context/],
  ['{current-context: x}', /there is no context "x"; it has none/],
  ['{current-context: x, contexts: [{name: x, context: {}}]}', /its context x names no cluster that it has/],
])('a file of %j is no kubeconfig to us, and why is said', async (content, words) => {
  const path = kubeconfig({ user: {} }, {})
  writeFileSync(path, content)
  await expect(clusterAccess(path)).rejects.toThrow(words)
})
