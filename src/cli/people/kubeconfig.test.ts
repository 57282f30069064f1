import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { stringify } from 'yaml'
import { clusterAccess } from './kubeconfig.ts'

afterEach(() => vi.unstubAllEnvs())

/** A kubeconfig with a context for each user. */
function kubeconfig(users: Readonly<Record<string, object>>, cluster: object): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-kubeconfig-'))
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
  expect(await clusterAccess(path)).toEqual({ server, namespace: 'shop', ca: 'CA', cert: 'CERT', key: 'KEY' })
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
