import { access, readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { isMap, type JsonObject } from '../../api/json.ts'
import { readYaml } from '../../api/yaml-text.ts'
import { Fault } from '../../core/fault.ts'
import { inherited } from '../flags.ts'

/** Something of a kubeconfig, and the folder of that file: its paths are relative to it. */
export interface Part {
  readonly value: JsonObject
  readonly folder: string
}

/** A context of a kubeconfig with what it names. */
export interface ChosenContext {
  /** The file or files, for messages. */
  readonly source: string
  readonly cluster: Part
  readonly user: Part
  readonly namespace: string
}

/**
 * Reads a kubeconfig as kubectl does: the file of `path`, else those of $KUBECONFIG, else ~/.kube/config. Of several files those that are not
 * there are left out, and the first that says something counts.
 * @param wanted the name of the context; absent: the current one.
 * @returns null when no file is there, and none was asked for.
 * @throws Fault ApiRefused: a file cannot be read, or what is asked for is not in it.
 */
export async function chooseContext(path?: string, wanted?: string): Promise<ChosenContext | null> {
  const paths = path === undefined ? await usualPaths() : [path]
  if (paths.length === 0) return null
  const files = (await Promise.all(paths.map(readConfig))).filter((file) => file !== null)
  const source = `kubeconfig ${paths.join(delimiter)}`
  const name = wanted ?? files.map(({ value }) => text(value['current-context'])).find((one) => one !== undefined)
  if (name === undefined) throw unusable(source, `it says no current context: ${useContext}`)
  const context = named(files, 'context', name)
  if (context === null) {
    const names = [...new Set(files.flatMap(contextNames))].join(', ') || 'none'
    throw unusable(source, `there is no context ${JSON.stringify(name)}; it has ${names}`)
  }
  const of = (kind: 'cluster' | 'user'): Part | null => named(files, kind, context.value[kind])
  const cluster = of('cluster')
  if (cluster === null) throw unusable(source, `its context ${name} names no cluster that it has: ${useContext}`)
  const user = of('user') ?? (text(context.value['user']) === undefined ? { value: {}, folder: '' } : null)
  if (user === null) throw unusable(source, `its context ${name} names no user that it has: ${useContext}`)
  return { source, cluster, user, namespace: text(context.value['namespace']) ?? 'default' }
}

const useContext = 'kubectl config use-context NAME chooses another one'

/** Those that are there. */
async function usualPaths(): Promise<readonly string[]> {
  const given = (inherited()['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '')
  const usual = given.length === 0 ? [join(homedir(), '.kube', 'config')] : given
  const there = await Promise.all(usual.map((path) => access(path).then(() => true, isElsewise)))
  return usual.filter((_, n) => there[n])
}

/** What is there and may not be looked at is not left out: to read it says why. */
function isElsewise(error: NodeJS.ErrnoException): boolean {
  return error.code !== 'ENOENT'
}

/** Null: it is empty. */
async function readConfig(path: string): Promise<Part | null> {
  const content = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'there is no such file' : `it cannot be read: ${cause.message}`
    throw unusable(`kubeconfig ${path}`, why, cause)
  })
  const { objects, problems } = readYaml(content, path)
  const [problem] = problems
  if (problem !== undefined) throw unusable(`kubeconfig ${path}`, `line ${problem.line}: ${problem.message}`)
  if (objects.length === 0) return null
  const value = objects[0]?.value
  if (objects.length > 1 || !isMap(value)) throw unusable(`kubeconfig ${path}`, 'this is no kubeconfig')
  return { value, folder: dirname(resolve(path)) }
}

/** `contexts: [{name, context}]`, and so the others; of several files the first that has it. */
function named(files: readonly Part[], kind: 'context' | 'cluster' | 'user', name: unknown): Part | null {
  for (const { value, folder } of files) {
    const found = listOf(value[`${kind}s`]).find((each) => each['name'] === name)
    const part = found?.[kind]
    if (isMap(part)) return { value: part, folder }
  }
  return null
}

function contextNames({ value }: Part): readonly string[] {
  return listOf(value['contexts']).flatMap(({ name }) => text(name) ?? [])
}

function listOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isMap) : []
}

/** Undefined: not there, or empty, which is the same to kubectl. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A kubeconfig that is of no use to us. @param source as {@link ChosenContext.source} */
export function unusable(source: string, why: string, cause?: unknown): Fault {
  return new Fault('ApiRefused', `${source}: ${why}`, { cause })
}
