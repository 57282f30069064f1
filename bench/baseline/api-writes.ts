import type { StoredObject } from '../../src/kube/client.ts'
import { apiRequest } from '../../test/support/api-request.ts'
import type { ApiAccess } from '../../test/support/api-server.ts'
import { forEach } from '../support/at-once.ts'

/** What Millrace made: the baseline writes the same, byte for byte but for the names. */
export interface Samples {
  readonly trigger: StoredObject
  readonly outlet: StoredObject
  readonly event: StoredObject | undefined
}

export interface ApiWrites {
  readonly triggers: number
  readonly events: number
  /** Triggers under way at once. */
  readonly atOnce: number
  namespaceOf(trigger: number): string
  readonly samples: Samples
}

/**
 * The writes that a Trigger costs, one after the other, with nobody who decides anything. Namespaces and kinds must be there.
 *
 *     create Trigger ─► create Outlet ─► patch Outlet status ─► patch Trigger status (─► create Event)
 *
 * @returns milliseconds
 */
export async function apiWrites(api: ApiAccess, load: ApiWrites): Promise<number> {
  const { trigger, outlet, event } = load.samples
  const begin = performance.now()
  await forEach(load.triggers, load.atOnce, async (index) => {
    const name = `raw-${index}`
    const namespace = load.namespaceOf(index)
    await create(api, `/apis/eventing.knative.dev/v1/namespaces/${namespace}/triggers`, trigger, name)
    const outlets = `/apis/internal.millrace.dev/v1alpha1/namespaces/${outlet.metadata.namespace}/outlets`
    await create(api, outlets, outlet, name)
    await status(api, `${outlets}/${name}/status`, outlet)
    await status(api, `/apis/eventing.knative.dev/v1/namespaces/${namespace}/triggers/${name}/status`, trigger)
    if (event !== undefined && index < load.events) {
      const involved = { ...(event['involvedObject'] as object), namespace }
      await create(api, `/api/v1/namespaces/${namespace}/events`, { ...event, involvedObject: involved }, name)
    }
  })
  return performance.now() - begin
}

async function create(api: ApiAccess, path: string, sample: StoredObject, name: string): Promise<void> {
  const { status: _, metadata, ...rest } = sample
  const { labels, annotations, finalizers } = metadata
  const answer = await apiRequest(api, 'POST', path, {
    body: { ...rest, metadata: { name, labels, annotations, finalizers } },
  })
  refuse(answer)
}

async function status(api: ApiAccess, path: string, sample: StoredObject): Promise<void> {
  const body = [{ op: 'add', path: '/status', value: sample['status'] }]
  refuse(await apiRequest(api, 'PATCH', path, { body, type: 'json' }))
}

function refuse({ status, body }: { status: number; body: { message?: string } }): void {
  if (status >= 300) throw new Error(`the API server answered ${status}: ${body.message}`)
}
