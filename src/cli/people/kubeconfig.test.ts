import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { clusterAccess } from './kubeconfig.ts'

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
