import { Fault } from '../../core/fault.ts'
import type { ObjectName, Resource } from '../client.ts'
import { subject } from '../rest-paths.ts'

/** The faults of the API server in memory, in the words of a real one. `details` as of a real one too, as far as rooms look at them. */
export const refusals = {
  kindMissing: (resource: Resource) =>
    new Fault('ApiNotFound', `${subject(resource, nobody)}: the server could not find the requested resource`, {
      details: { status: 404 },
    }),
  notFound: (resource: Resource, key: ObjectName) =>
    new Fault('ApiNotFound', `${subject(resource, key)}: not found`, { details: { status: 404, object: key.name } }),
  alreadyExists: (resource: Resource, key: ObjectName) =>
    new Fault('ApiAlreadyExists', `${subject(resource, key)}: already exists`, {
      details: { status: 409, reason: 'AlreadyExists', object: key.name },
    }),
  conflict: (resource: Resource, key: ObjectName, why: string) =>
    new Fault('ApiConflict', `${subject(resource, key)}: ${why}`, {
      details: { status: 409, reason: 'Conflict', object: key.name },
    }),
  terminating: (resource: Resource, key: ObjectName) =>
    new Fault(
      'ApiForbidden',
      `${subject(resource, key)}: forbidden: unable to create new content in namespace ${key.namespace} because it is being terminated`,
      { details: { status: 403, reason: 'Forbidden', cause: 'NamespaceTerminating', object: key.name } },
    ),
  invalid: (resource: Resource, key: ObjectName, why: string) =>
    new Fault('ApiRefused', `${subject(resource, key)}: invalid: ${why}`, {
      details: { status: 422, reason: 'Invalid' },
    }),
  badRequest: (why: string) => new Fault('ApiRefused', why, { details: { status: 400, reason: 'BadRequest' } }),
  badPatch: (cause: unknown) =>
    new Fault('ApiRefused', `the server rejected our request due to an error in our request: ${String(cause)}`, {
      cause,
      details: { status: 422, reason: 'Invalid' },
    }),
  tooOld: (version: number) =>
    new Fault('ApiGone', `too old resource version: ${version}`, { details: { status: 410, reason: 'Expired' } }),
  unavailable: () => new Fault('ApiUnavailable', 'the API server in memory is away'),
}

const nobody: ObjectName = { namespace: '', name: '' }
