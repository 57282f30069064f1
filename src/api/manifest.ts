import type { z } from 'zod'
import { Broker } from './broker.ts'
import { explain } from './explain.ts'
import { KafkaSource } from './kafka-source.ts'
import { isMap, valueAt, withoutNulls, type JsonObject } from './json.ts'
import { judgeKind, storedVersion, type ServedKind } from './kinds.ts'
import { NamespaceName, ObjectName } from './meta/object-meta.ts'
import { noticesOf } from './notices.ts'
import { asStoredVersion, upgradeBroker, upgradeTrigger, type Upgraded } from './old-versions.ts'
import { objectName, pathName } from './problem.ts'
import type { ObjectKey, Place, Problem } from './problem.ts'
import { SinkBinding } from './sink-binding.ts'
import { topicProblems } from './topic-name.ts'
import { Trigger } from './trigger.ts'
import { readYaml } from './yaml-text.ts'
import type { Path, YamlObject } from './yaml-text.ts'

/** An object of a manifest that is valid, or none of ours. `metadata.namespace` is filled in; nothing else is defaulted. */
export type Manifest =
  | { readonly kind: 'Broker'; readonly key: ObjectKey; readonly object: Broker; readonly place: Place }
  | { readonly kind: 'Trigger'; readonly key: ObjectKey; readonly object: Trigger; readonly place: Place }
  | { readonly kind: 'SinkBinding'; readonly key: ObjectKey; readonly object: SinkBinding; readonly place: Place }
  | { readonly kind: 'KafkaSource'; readonly key: ObjectKey; readonly object: KafkaSource; readonly place: Place }
  /** A kind that is not ours: Service, ConfigMap, Deployment, ... `key.kind` has the kind. */
  | {
      readonly kind: 'other'
      readonly key: ObjectKey
      readonly apiVersion: string
      readonly object: Readonly<Record<string, unknown>>
      readonly place: Place
    }

/** What stood in some files. An object with an error is not among `objects`. */
export interface Manifests {
  readonly objects: readonly Manifest[]
  readonly problems: readonly Problem[]
}

export interface ManifestOptions {
  /** For objects that name no namespace. Default `default`. */
  readonly defaultNamespace?: string
}

const schemas = { Broker, Trigger, SinkBinding, KafkaSource } as const
const upgrades: Readonly<Record<ServedKind, (object: JsonObject) => Upgraded>> = {
  Broker: upgradeBroker,
  Trigger: upgradeTrigger,
  SinkBinding: (object) => ({ object, notices: [] }),
  KafkaSource: (object) => ({ object, notices: [] }),
}

/** Reads the objects of several files. The same object twice is a problem that names both places; the first stays. */
export function parseManifests(
  files: readonly { readonly file: string; readonly text: string }[],
  options: ManifestOptions = {},
): Manifests {
  const objects: Manifest[] = []
  const problems: Problem[] = []
  const first = new Map<string, Manifest>()
  for (const { file, text } of files) {
    const reader = new Reader(options.defaultNamespace ?? 'default')
    reader.read(text, file)
    problems.push(...reader.problems)
    for (const manifest of reader.objects) {
      const id = manifestId(manifest)
      const before = first.get(id)
      if (before === undefined) objects.push(manifest)
      else problems.push(duplicate(manifest, before.place))
      first.set(id, before ?? manifest)
    }
  }
  return { objects, problems: problems.toSorted(byPlace) }
}

/** Reads the objects of one text. `file` is the name that problems show. */
export function parseManifest(text: string, file: string, options: ManifestOptions = {}): Manifests {
  return parseManifests([{ file, text }], options)
}

/** Tells objects of a set apart: group, kind, namespace and name, whatever the version. */
export function manifestId(manifest: Manifest): string {
  const { apiVersion } = manifest.kind === 'other' ? manifest : manifest.object
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : ''
  return `${group} ${objectName(manifest.key)}`
}

function duplicate({ key, place }: Manifest, before: Place): Problem {
  const message = `this object stands twice: already at ${before.file}:${before.line}; remove or rename one`
  return { ...place, severity: 'error', path: '', message, object: key }
}

function byPlace(a: Problem, b: Problem): number {
  return a.file === b.file ? a.line - b.line || a.column - b.column : 0
}

/** Gathers what stands in one file. */
class Reader {
  readonly objects: Manifest[] = []
  readonly problems: Problem[] = []
  readonly #defaultNamespace: string

  constructor(defaultNamespace: string) {
    this.#defaultNamespace = defaultNamespace
  }

  read(text: string, file: string): void {
    const { objects, problems } = readYaml(text, file)
    for (const problem of problems) this.problems.push({ ...problem, severity: 'error', path: '' })
    for (const object of objects) this.#object(object)
  }

  #object(yaml: YamlObject): void {
    const value = withoutNulls(yaml.value)
    if (!isMap(value)) return this.#error(yaml, [], 'expected an object with apiVersion, kind and metadata')
    const { apiVersion, kind } = value
    if (!isText(apiVersion)) return this.#missing(yaml, ['apiVersion'], apiVersion, 'eventing.knative.dev/v1')
    if (!isText(kind)) return this.#missing(yaml, ['kind'], kind, 'Trigger')
    const verdict = judgeKind(apiVersion, kind)
    const key = this.#key(kind, value)
    if (verdict.is === 'wrong') return this.#error(yaml, [verdict.field], verdict.message, key)
    if (verdict.is === 'later') return this.#notice(yaml, ['kind'], verdict.message, key)
    if (verdict.is !== 'other') {
      return this.#ours(yaml, this.#upgraded(yaml, value, verdict, key), schemas[verdict.is], key)
    }
    // Kustomization files stand beside manifests and are no objects.
    if (kind === 'Kustomization') return
    if (key === undefined) return this.#missing(yaml, ['metadata', 'name'], undefined, 'my-object')
    this.objects.push({ kind: 'other', key, apiVersion, object: value, place: yaml.place([]) })
  }

  /** An old version in the fields of v1; says so. */
  #upgraded(
    yaml: YamlObject,
    value: JsonObject,
    verdict: { is: ServedKind; old?: string },
    key?: ObjectKey,
  ): JsonObject {
    if (verdict.old === undefined) return value
    this.#notice(
      yaml,
      ['apiVersion'],
      `${verdict.old} is an old version, read as v1; write ${storedVersion(verdict.is)}`,
      key,
    )
    const { object, notices } = upgrades[verdict.is](value)
    for (const { path, message } of notices) this.#notice(yaml, path, message, key)
    return asStoredVersion(object)
  }

  #ours(yaml: YamlObject, value: JsonObject, schema: (typeof schemas)[ServedKind], key?: ObjectKey): void {
    const result = schema.safeParse(value)
    const ambiguous = yaml.ambiguous.filter(
      ({ path }) => typeof valueAt(value, path) === 'string' && path[0] !== 'status',
    )
    for (const { path, source } of ambiguous) {
      this.#error(yaml, path, `Kubernetes reads ${source} as true or false; for text quote it, "${source}"`, key)
    }
    if (!result.success) {
      for (const issue of result.error.issues) this.#explained(yaml, value, issue, schema, key)
    } else if (key !== undefined && ambiguous.length === 0) {
      const refused = schema === Broker ? topicProblems(value, key.namespace) : []
      for (const { path, message } of refused) this.#error(yaml, path, message, key)
      if (refused.length > 0) return
      const place = yaml.place([])
      const object = { ...result.data, metadata: { ...result.data.metadata, namespace: key.namespace } }
      this.objects.push({ kind: object.kind, key, object, place } as Manifest)
      for (const { path, message } of noticesOf(value)) this.#notice(yaml, path, message, key)
    }
  }

  #explained(yaml: YamlObject, value: unknown, issue: z.core.$ZodIssue, schema: z.ZodType, key?: ObjectKey): void {
    for (const { path, of, message } of explain(issue, schema, { value, source: (at) => yaml.source(at) })) {
      this.#error(yaml, path, message, key, of)
    }
  }

  /** Which object it is, as far as that can be told. */
  #key(kind: string, value: JsonObject): ObjectKey | undefined {
    const metadata = isMap(value['metadata']) ? value['metadata'] : {}
    const { name, namespace = this.#defaultNamespace } = metadata
    if (!isText(name) || !isText(namespace)) return undefined
    const usable = ObjectName.safeParse(name).success && NamespaceName.safeParse(namespace).success
    // Cluster-scoped kinds have no namespace, and some (roles) have names with colons: nobody looks those up.
    return usable || !servedLike(value) ? { kind, namespace, name } : undefined
  }

  #missing(yaml: YamlObject, path: Path, value: unknown, example: string): void {
    const what = value === undefined ? 'is missing' : 'must be text'
    this.#error(yaml, path, `${what}; for example ${String(path.at(-1))}: ${example}`)
  }

  #error(yaml: YamlObject, path: Path, message: string, key?: ObjectKey, of?: 'key' | 'value'): void {
    this.#problem('error', yaml, path, message, key, of)
  }

  #notice(yaml: YamlObject, path: Path, message: string, key?: ObjectKey): void {
    this.#problem('notice', yaml, path, message, key)
  }

  #problem(
    severity: Problem['severity'],
    yaml: YamlObject,
    path: Path,
    message: string,
    key?: ObjectKey,
    of?: 'key' | 'value',
  ): void {
    const about = key === undefined ? {} : { object: key }
    this.problems.push({ ...yaml.place(path, of), severity, path: pathName(path), message, ...about })
  }
}

function servedLike({ apiVersion }: JsonObject): boolean {
  return typeof apiVersion === 'string' && apiVersion.includes('knative.dev')
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
