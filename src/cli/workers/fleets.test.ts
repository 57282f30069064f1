import { expect, test } from 'vitest'
import { prefixOf } from './fleets.ts'

const main = { bootstrapServers: 'main:9092' }

test('the main cluster has no prefix, whatever the credential is there and here; another cluster, and a credential there, have', () => {
  const signedIn = { ...main, credential: 'c' }
  for (const told of [main, signedIn, { ...main, credential: 'other' }])
    for (const cluster of [main, signedIn]) expect(prefixOf(cluster, told)).toBe('')
  const other = { bootstrapServers: 'other:9092' }
  const prefixes = [other, { ...other, credential: 'c' }].map((cluster) => prefixOf(cluster, main))
  for (const prefix of prefixes) expect(prefix).toMatch(/^[0-9a-f]+\/$/)
  expect(new Set(prefixes).size).toBe(2)
})

test('nobody finds servers by trying whose prefix is that of others: their unit would be put out of the fleet', () => {
  // SHA-256 of both begins with 5cc5a0ae
  const [one, other] = ['k12307:9092', 'k17569:9092'].map((bootstrapServers) => prefixOf({ bootstrapServers }, main))
  expect(one).not.toBe(other)
})
