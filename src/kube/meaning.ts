import type { StoredObject } from './client.ts'

/** An object without its status and without what the API server changes with each write: two that are the same in this mean the same. */
export function meaningOf(object: StoredObject): object {
  const { status: _status, ...rest } = object
  const { resourceVersion: _version, generation: _generation, managedFields: _fields, ...metadata } = object.metadata
  return { ...rest, metadata }
}
