import { inject } from 'vitest'
import type { ApiAccess } from './api-server.ts'

/**
 * The API server of this test run, started with the first call of the run (4 s). Only in test/suites and test/features, in a hook
 * or a test; tests keep apart by namespaces and names of their own (`uniqueName`).
 * @throws Error that says in one line what is missing on this machine.
 */
export async function sharedApiServer(): Promise<ApiAccess> {
  const answer = await fetch(inject('apiServer'))
  if (!answer.ok) throw new Error(await answer.text())
  return (await answer.json()) as ApiAccess
}
