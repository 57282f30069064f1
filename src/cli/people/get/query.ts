import type { Resource } from '../../../kube/client.ts'

/** One thing that was asked for: a kind, or one object of it. */
export interface Query {
  readonly resource: Resource
  /** Undefined: all. */
  readonly namespace: string | undefined
  readonly name?: string
}
