import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import * as entry from '@platformatic/kafka'
import { expect, test } from 'vitest'
import * as library from './library.ts'

/**
 * Red after an update of the package? Then files or names inside of it have moved: look for the name under node_modules/@platformatic/kafka/dist,
 * correct its file in library.ts, and run the suites of the log on Kafka (test/suites/log.kafka*.test.ts) before the new version is taken.
 */
const { part, request, ...parts } = library

test.each(Object.entries(parts))('%s is the one that the package exports', (name, ours) => {
  expect(new Map(Object.entries(entry)).get(name)).toBe(ours)
})

test('a request is the one that the package exports', () => {
  const ours = [request('metadata', 'apiVersionsV3'), request('consumer', 'fetchV17'), request('admin', 'listGroupsV4')]
  const theirs = [entry.apiVersionsV3, entry.fetchV17, entry.listGroupsV4]
  expect(ours.map(({ api }) => api)).toEqual(theirs.map(({ api }) => api))
  for (const [i, { api }] of ours.entries()) expect(api).toBe(theirs[i]?.api)
})

test('a file or a name that has moved is told of, with what to do', () => {
  const advice = /@platformatic\/kafka: dist\/.* cannot be used.*library\.ts says what is used/
  expect(() => part('protocol/no-such-file', [])).toThrow(advice)
  expect(() => part('errors', ['NoSuchError'])).toThrow(advice)
})

test('the version is pinned: no other one comes by itself', () => {
  const { dependencies } = createRequire(import.meta.url)('../../../package.json') as {
    dependencies: Record<string, string>
  }
  const installed = createRequire(entryPath())('../package.json') as { version: string }
  expect(dependencies['@platformatic/kafka']).toBe(installed.version)
})

test('who loads the parts does not load the rest', () => {
  const show = `await import(process.argv[1]); const { createRequire } = await import('node:module')
    console.log(JSON.stringify(Object.keys(createRequire(process.argv[1]).cache)))`
  const [versions, all] = [fileURLToPath(new URL('versions.ts', import.meta.url)), entryPath()].map((path) =>
    execFileSync(process.execPath, ['--input-type=module', '--eval', show, path], { encoding: 'utf8' }),
  )
  // what its clients and its schema registry need
  const rest = /node_modules\/(mnemonist|avsc|protobufjs)\//
  expect(all).toMatch(rest)
  expect(versions).not.toMatch(rest)
})

function entryPath(): string {
  return createRequire(import.meta.url).resolve('@platformatic/kafka')
}
