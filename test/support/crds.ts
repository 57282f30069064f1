import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { apiRequest } from './api-request.ts'
import type { ApiAccess } from './api-server.ts'
import { eventually } from './eventually.ts'

const folder = join(import.meta.dirname, '..', '..', 'crds')

/** The CustomResourceDefinitions that ship, a file each. */
export const crdFiles: readonly string[] = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml')
  .map((name) => join(folder, name))

/** For kubectl: all of them. */
export const crdFileArgs: readonly string[] = crdFiles.flatMap((file) => ['-f', file])

/**
 * Makes an API server serve our kinds; again changes nothing, and any number of tests may do it at once.
 * @throws Error that says why it refuses one.
 */
export async function installCrds(api: ApiAccess): Promise<void> {
  await Promise.all(crdFiles.map((file) => install(api, file)))
}

/** Not by kubectl: the two ways in which it applies would take turns at changing an annotation of its own. */
async function install(api: ApiAccess, file: string): Promise<void> {
  const body = parse(readFileSync(file, 'utf8')) as { metadata: { name: string } }
  const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${body.metadata.name}`
  const options = { body, type: 'apply' } as const
  const { status, body: answer } = await apiRequest(api, 'PATCH', `${path}?fieldManager=test&force=true`, options)
  if (status >= 300) throw new Error(`${file}: ${answer.message}`)
  await eventually(`${body.metadata.name} is served`, async () => {
    const { body: now } = await apiRequest(api, 'GET', path)
    return now.status?.conditions?.some((each: Condition) => each.type === 'Established' && each.status === 'True')
  })
}

interface Condition {
  readonly type: string
  readonly status: string
}
