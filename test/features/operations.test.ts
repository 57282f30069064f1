import { execFileSync } from 'node:child_process'
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { readSettings, settingKeys } from '../../src/control-plane/workers/settings.ts'
import type { Json } from '../support/api-request.ts'
import { kubectlPath } from '../support/kubectl.ts'
import { ownFolder } from '../support/millrace.ts'

const top = join(import.meta.dirname, '..', '..')
const text = readFileSync(join(top, 'docs', 'operations.md'), 'utf8')

it('the overlay that docs/operations.md shows is one: it names the image, and says where Kafka is', () => {
  const [, indented = ''] = /^( {4}# kustomization\.yaml\n(?: {4}.*\n)+)/m.exec(text) ?? []
  const overlay = indented.replaceAll(/^ {4}/gm, '').replace('sha256:...', `sha256:${'0'.repeat(64)}`)
  const folder = ownFolder()
  symlinkSync(top, join(folder, 'millrace'))
  writeFileSync(join(folder, 'kustomization.yaml'), overlay)
  const printed = execFileSync(kubectlPath(), ['kustomize', folder], { encoding: 'utf8' })
  const objects: Json[] = parseAllDocuments(printed).map((document) => document.toJS())
  const named = (name: string): Json => objects.find(({ metadata }) => metadata.name === name)
  expect(named('kafka-broker-config').data['bootstrap.servers']).toBe('my-kafka:9092')
  expect(JSON.stringify(objects)).not.toContain('"image":"millrace:dev"')
})

it('the settings that docs/operations.md shows are taken, and its table has all of them', () => {
  const patches = [...text.matchAll(/patch configmap (\S+) .*? -p '(\{[^']*\})'/gs)]
  expect(patches.map(([, name]) => name)).toContain('config-millrace')
  for (const [, name, patch = ''] of patches) {
    const { data } = JSON.parse(patch) as { data: Record<string, string> }
    if (name === 'config-millrace') expect(readSettings(data).problems).toEqual([])
  }
  const section = /^## Settings\n.*?^## /ms.exec(text)?.[0] ?? ''
  const missing = settingKeys.filter((key) => !section.includes(key.replace(/^(ingress|dispatcher|workers)/, '')))
  expect(missing).toEqual([])
})
