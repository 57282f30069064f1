import { expect, test } from 'vitest'
import { prefixOf } from './fleets.ts'

const main = { bootstrapServers: 'main:9092' }

test('the main cluster has no prefix; another credential there, and another cluster, have', () => {
  expect(prefixOf({ ...main }, main)).toBe('')
  expect(prefixOf({ ...main, credential: 'c' }, main)).toMatch(/^[0-9a-f]+\/$/)
  expect(prefixOf({ bootstrapServers: 'other:9092' }, main)).toMatch(/^[0-9a-f]+\/$/)
})

test('nobody finds servers by trying whose prefix is that of others: their unit would be put out of the fleet', () => {
  // SHA-256 of both begins with 5cc5a0ae
  const [one, other] = ['k12307:9092', 'k17569:9092'].map((bootstrapServers) => prefixOf({ bootstrapServers }, main))
  expect(one).not.toBe(other)
})
