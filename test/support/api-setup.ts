import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { TestProject } from 'vitest/node'
import { readAccess, startApiServer, type ApiAccess, type RunningApiServer } from './api-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where to ask for the API server of this run; `sharedApiServer()` does. */
    apiServer: string
  }
}

/**
 *     test (a worker) ── GET ──► reception (the main process of vitest) ──► startApiServer, with the first question of the run
 *
 * So a run whose tests need no API server starts none.
 */
interface Reception {
  users: number
  readonly address: string
  readonly server: Server
  running: Promise<RunningApiServer> | null
}

/** vitest loads this file once a project, so what the projects share stands outside of modules. */
const home = globalThis as typeof globalThis & { millraceTestApi?: Promise<Reception> | undefined }

/**
 * Has one API server for all projects of this run, from the first test that asks until the last project ends.
 * `MILLRACE_TEST_KUBECONFIG=FILE` names one that runs already (client certificate inside the file): it is used, and left alone.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const reception = await (home.millraceTestApi ??= open())
  reception.users += 1
  project.provide('apiServer', reception.address)
  return async () => {
    reception.users -= 1
    if (reception.users > 0) return
    home.millraceTestApi = undefined
    reception.server.close()
    reception.server.closeAllConnections()
    await reception.running?.then(
      (api) => api.close(),
      () => undefined,
    )
  }
}

async function open(): Promise<Reception> {
  const server = createServer((_, response) => {
    access(reception).then(
      (found) => response.end(JSON.stringify(found)),
      (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
    )
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const reception: Reception = { users: 0, address: `http://127.0.0.1:${port}`, server, running: null }
  return reception
}

function access(reception: Reception): Promise<ApiAccess> {
  const given = process.env['MILLRACE_TEST_KUBECONFIG']
  return given === undefined ? (reception.running ??= startApiServer()) : readAccess(given)
}
