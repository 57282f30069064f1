import { expect, it } from 'vitest'
import { holds } from '../api/meta/condition.ts'
import { systemClock as clock } from '../core/clock.ts'
import { kinds } from './kinds.ts'
import { MemoryApi } from './memory.ts'
import { StatusWriter } from './status-writer.ts'
import type { StoreChange } from './store.ts'

const signal = new AbortController().signal
const key = { namespace: 'shop', name: 'default' }

it.each(['before', 'after'])(
  'believes its own write until the cache has it (%s its answer), and no longer',
  async (when) => {
    const client = new MemoryApi().client()
    const made = await client.create(
      kinds.broker,
      { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', metadata: key, spec: {} },
      signal,
    )
    const show = async (): Promise<boolean> => {
      const object = await client.get(kinds.broker, key, signal)
      const change: StoreChange | null = object && { kind: 'set', object, previous: made }
      return change !== null && writer.isEcho(change)
    }
    const changes: string[] = []
    const writer: StatusWriter = new StatusWriter({
      client: {
        ...client,
        patch: async (...args) => {
          const answer = await client.patch(...args)
          if (when === 'before') expect(await show()).toBe(true)
          return answer
        },
      },
      ...{ resource: kinds.broker, clock, onChange: ({ name }) => changes.push(name) },
    })
    await writer.write(made, { conditions: [holds('Ready')] }, signal)
    if (when === 'after') {
      expect(writer.newest(made, key)).not.toBe(made)
      expect(await show()).toBe(true)
    }
    expect(changes).toEqual([])
    // Whatever the cache goes back to now, it is what there is.
    expect(writer.newest(made, key)).toBe(made)
  },
)
