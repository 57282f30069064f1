import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { parseManifest } from '../../src/api/manifest.ts'
import { upgradeBroker, upgradeTrigger } from '../../src/api/old-versions.ts'
import { validateBroker, validateKafkaSource, validateSinkBinding, validateTrigger } from '../../src/api/validate.ts'
import { apiRequest } from '../support/api-request.ts'
import type { ApiAccess } from '../support/api-server.ts'
import { sharedApiServer } from '../support/api.ts'
import { installCrds } from '../support/crds.ts'
import { laterFields, laterKinds } from './later.ts'

/**
 *     manifest ──► API server with our definitions ──► old fields rewritten ──► validate    as admission does
 *         └──────► parseManifest                                                             as `dev` and `check` do
 *
 * Both say the same. What stock Knative accepts we accept; what it refuses we refuse.
 */

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

interface Case {
  readonly file: string
  readonly title: string
  readonly object: Manifest
}

/** Stock Knative refuses these as well: what the API server says, and what we say. */
const refused: Readonly<Record<string, readonly [server: RegExp, ours: RegExp]>> = {
  'mindwm+knfunc-io-context__templates__trigger.yaml': [
    /unknown field "spec\.filters\.any"/,
    /spec\.filters: must be a list \(each item begins with "- "\), not a map/,
  ],
  'mindwm+mindwm-knfunc-templates__python__templates__trigger.yaml': [
    /unknown field "spec\.filters\./,
    /spec\.filters: must be a list \(each item begins with "- "\), not a map/,
  ],
}

/** Stock Knative has ceased to serve these: what we say of them. */
const ended: Readonly<Record<string, RegExp>> = {
  'sources.knative.dev/v1alpha1 KafkaSource': /there is no version "v1alpha1"; use sources\.knative\.dev\/v1/,
  'sources.eventing.knative.dev/v1alpha1 KafkaSource':
    /ended in 2020; write sources\.knative\.dev\/v1, bootstrapServers/,
}

const folder = join(import.meta.dirname, '..', 'corpus')
const cases: readonly Case[] = readdirSync(folder)
  .filter((file) => file.endsWith('.yaml'))
  .flatMap((file) =>
    objectsOf(file).map((object) => ({ file, title: `${file}: ${object.kind} ${object.metadata.name}`, object })),
  )

const ours = cases.filter(({ object }) => !isLaterKind(object) && ended[versionOf(object)] === undefined)
const accepted = ours.filter(({ file }) => laterFields[file] === undefined && refused[file] === undefined)

let api: ApiAccess
beforeAll(async () => {
  api = await sharedApiServer()
  await installCrds(api)
})

describe('what people published is accepted', () => {
  it('is a corpus worth its name', () => {
    expect(accepted.length).toBeGreaterThan(100)
    expect(new Set(accepted.map(({ object }) => object.apiVersion))).toEqual(
      new Set([
        ...['v1', 'v1beta1', 'v1alpha1'].map((version) => `eventing.knative.dev/${version}`),
        ...['v1', 'v1beta1', 'v1alpha2', 'v1alpha1'].map((version) => `sources.knative.dev/${version}`),
      ]),
    )
  })

  it.each(titled(accepted))('%s', async (_, { file, object }) => {
    expect(await apply(object)).toEqual({ status: 201, message: undefined })
    expect(validate(object)).toEqual([])
    expect(errorsOf(file)).toEqual([])
  })
})

describe('what stock Knative refuses is refused', () => {
  it.each(titled(ours.filter(({ file }) => refused[file] !== undefined)))('%s', async (_, { file, object }) => {
    const [server, says] = refused[file] ?? []
    const { status, message } = await apply(object)
    expect(status).toBe(400)
    expect(message).toMatch(server ?? '')
    expect(errorsOf(file).join('\n')).toMatch(says ?? '')
  })
})

describe('what stock Knative has ceased to serve is not served, and check says what to write', () => {
  const old = cases.filter(({ object }) => ended[versionOf(object)] !== undefined)

  it('is some', () => expect(new Set(old.map(({ object }) => versionOf(object))).size).toBe(Object.keys(ended).length))

  it.each(titled(old))('%s', async (_, { file, object }) => {
    expect(await isServed(object, object.apiVersion)).toBe(false)
    expect(errorsOf(file).join('\n')).toMatch(ended[versionOf(object)] ?? /^$/)
  })
})

describe('what comes later', () => {
  it.each(titled(ours.filter(({ file }) => laterFields[file] !== undefined)))(
    '%s is refused by name',
    async (_, { file, object }) => {
      expect(await apply(object)).toMatchObject({ status: 201 })
      const problems = validate(object)
      expect(problems.map(({ path }) => path)).toContain(laterFields[file])
      for (const { message } of problems) expect(message).toMatch(/^not yet: /)
      expect(errorsOf(file).join('\n')).toContain('not yet: ')
    },
  )

  it.each(titled(cases.filter(({ object }) => isLaterKind(object))))(
    '%s is not served, and check says so',
    async (_, { file, object }) => {
      expect(await isServed(object)).toBe(false)
      const { problems } = parseManifest(readFileSync(join(folder, file), 'utf8'), file)
      const about = problems.filter(({ object: key }) => key?.kind === object.kind && key.name === object.metadata.name)
      expect(about.map(({ message }) => message)).toContain(`not yet: ${object.kind} comes in a later version; ignored`)
    },
  )

  it('is no longer than it must be', () => {
    const files = new Set(ours.map(({ file }) => file))
    expect([...Object.keys(laterFields), ...Object.keys(refused)].filter((file) => !files.has(file))).toEqual([])
    const seen = new Set(cases.map(({ object }) => `${groupOf(object)} ${object.kind}`))
    const listed = Object.entries(laterKinds).flatMap(([group, kinds]) => kinds.map((kind) => `${group} ${kind}`))
    expect(listed.filter((kind) => !seen.has(kind))).toEqual([])
  })
})

function objectsOf(file: string): Manifest[] {
  return parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map((document) => document.toJS() as Manifest)
}

/** vitest shortens what it fills in by name, and not what it fills in by place. */
function titled(some: readonly Case[]): [string, Case][] {
  return some.map((each) => [each.title, each])
}

function versionOf({ apiVersion, kind }: Manifest): string {
  return `${apiVersion} ${kind}`
}

function groupOf({ apiVersion }: Manifest): string {
  return apiVersion.slice(0, apiVersion.indexOf('/'))
}

function isLaterKind(object: Manifest): boolean {
  return laterKinds[groupOf(object)]?.includes(object.kind) === true
}

/** As `kubectl apply --dry-run=server` does, in a namespace that is there. */
async function apply(object: Manifest): Promise<{ status: number; message: string | undefined }> {
  const namespace = 'default'
  const path = `/apis/${object.apiVersion}/namespaces/${namespace}/${object.kind.toLowerCase()}s`
  const body = { ...object, metadata: { ...object.metadata, namespace } }
  const answer = await apiRequest(api, 'POST', `${path}?dryRun=All&fieldValidation=Strict`, { body })
  return { status: answer.status, message: answer.body.message }
}

/** `version`: in this one, e.g. `sources.knative.dev/v1`; else in any of its group. */
async function isServed(object: Manifest, version?: string): Promise<boolean> {
  const { body } = await apiRequest(api, 'GET', '/apis')
  const groups = body.groups as readonly { name: string; versions: readonly { groupVersion: string }[] }[]
  const group = groups.find(({ name }) => name === groupOf(object))
  const served = (group?.versions ?? []).map(({ groupVersion }) => groupVersion)
  const asked = served.filter((each) => version === undefined || each === version)
  const lists = await Promise.all(asked.map((each) => apiRequest(api, 'GET', `/apis/${each}`)))
  return lists.some((list) => list.body.resources.some(({ kind }: { kind: string }) => kind === object.kind))
}

function validate(object: Manifest) {
  if (object.kind === 'Broker') return validateBroker(upgradeBroker({ ...object }).object)
  if (object.kind === 'SinkBinding') return validateSinkBinding({ ...object })
  if (object.kind === 'KafkaSource') return validateKafkaSource({ ...object })
  return validateTrigger(upgradeTrigger({ ...object }).object)
}

/** What `check` says about a file. That an object stands twice is no matter of the object. */
function errorsOf(file: string): string[] {
  const { problems } = parseManifest(readFileSync(join(folder, file), 'utf8'), file)
  return problems
    .filter(({ severity, message }) => severity === 'error' && !message.startsWith('this object stands twice'))
    .map(({ path, message }) => `${path}: ${message}`)
}
